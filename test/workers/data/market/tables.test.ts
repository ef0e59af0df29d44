import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Advertising } from '../../../../crds/advertising.ts'
import { writeNumberFile } from '../../../../workers/data/binary-files.ts'
import { noUser } from '../../../../workers/data/market/market.ts'
import { openMarket } from '../../../../workers/data/market/open-market.ts'
import { openTruth } from '../../../../workers/data/market/truth.ts'
import { digestSource } from '../../../../workers/data/source-digest.ts'
import { temporaryFolder } from '../../artifacts/support.ts'
import { sourceWith, writeParquet } from '../support.ts'
import { COLUMNS, marketOf, type Rows, specOf, TABLES, type Table, TOLD } from './table-support.ts'

const csv = (rows: Rows): string => {
  const names = Object.keys(rows[0] ?? {})
  return [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))].map((row) => `${row.join(',')}\n`).join('')
}

describe('whole tables', () => {
  test('come back under their ids, each request in its place and part', async () => {
    const { told, market, dataset, advertising, badRows, metadata, artifact } = await marketOf(await specOf(TABLES))
    expect(told).toEqual(TOLD)
    expect(badRows).toBe(0)
    const { requests, creatives } = market
    expect(requests?.ids).toEqual(['r-nobody', 'r-train', 'r-validation', 'r-test'])
    expect(requests?.user[0]).toBe(noUser)
    expect([...(requests?.time ?? [])]).toEqual([20_000, 25_000, 35_000, 45_000])
    const nine = dataset.findItem('i9') ?? -1
    const ofNine = [creatives?.offsets[nine] ?? 0, creatives?.offsets[nine + 1] ?? 0]
    expect(creatives?.ids.slice(...ofNine).toSorted()).toEqual(['c1', 'c2'])
    expect(creatives?.embeddings?.dim).toBe(2)
    const second = creatives?.ids.indexOf('c2') ?? -1
    expect([...(creatives?.embeddings?.data.subarray(2 * second, 2 * second + 2) ?? [])]).toEqual([3, 4])
    const shown = requests?.exposed
    expect([...(shown?.offsets ?? [])]).toEqual([0, 0, 1, 1, 3])
    expect(Array.from(shown?.item ?? [], (item) => dataset.itemIds[item])).toEqual(['i3', 'i9', 'i5'])
    expect([...(shown?.ad ?? [])]).toEqual([-1, market.ads.ids.indexOf('a9'), -1])
    expect([...(shown?.creative ?? [])]).toEqual([-1, second, -1])
    expect([...(shown?.click ?? [])]).toEqual([1, 1, 0])
    expect([...(shown?.creativeClick ?? [])]).toEqual([0, 1, 0])
    expect([...(shown?.conversion ?? [])]).toEqual([0, 1, 0])
    expect([...(shown?.conversionValue ?? [])]).toEqual([0, 7, 0])
    expect(shown?.propensity?.meaning).toBe('Marginal')
    expect([...(shown?.propensity?.values ?? [])]).toEqual([Number.NaN, 0.25, 0.5])
    expect(advertising).toMatchObject({
      origin: 'Tables',
      advertisers: 3,
      ads: 2,
      creatives: 3,
      requests: 4,
      unknownUsers: 1,
      exposures: 3,
      clicks: 2,
      creativeClicks: 1,
      conversions: 1,
    })
    expect(advertising?.has).toEqual(
      expect.arrayContaining(['Bids', 'Budgets', 'Creatives', 'EligibleAds', 'OrganicLists', 'Propensities']),
    )
    expect(advertising?.has).not.toContain('Values')
    expect((metadata.summary as { advertising: unknown }).advertising).toEqual(advertising)
    expect(await openTruth(artifact)).toBeUndefined()
  })

  test('are the same from CSV, where they have no lists, and from Parquet', async () => {
    const spec = await specOf(TABLES)
    const folder = spec.source.file?.path ?? ''
    for (const table of ['creatives', 'requests', 'exposures'])
      await writeParquet(join(folder, `${table}.parquet`), `SELECT * FROM read_json('${folder}/${table}.jsonl')`)
    const files = await sourceWith({ 'advertisers.csv': csv(TABLES.advertisers), 'ads.csv': csv(TABLES.ads) })
    await cp(files, folder, { recursive: true })
    const parquet = <T extends Table>(table: T) =>
      ({ path: `${table}.parquet`, format: 'Parquet', columns: COLUMNS[table] }) as const
    const advertising: Advertising = {
      advertisers: { path: 'advertisers.csv', format: 'CSV', columns: COLUMNS.advertisers },
      ads: { path: 'ads.csv', format: 'CSV', columns: COLUMNS.ads },
      creatives: parquet('creatives'),
      requests: parquet('requests'),
      exposures: parquet('exposures'),
    }
    const { told, advertising: status } = await marketOf({ ...spec, advertising })
    expect(told).toEqual(TOLD)
    expect(status).toMatchObject({ exposures: 3, clicks: 2, conversions: 1 })
  })

  test('tell what their propensities are, where they say so', async () => {
    const spec = await specOf(TABLES)
    if (spec.advertising?.exposures) spec.advertising.exposures.propensities = 'GivenBefore'
    const { market } = await marketOf(spec)
    expect(market.requests?.exposed?.propensity).toEqual({
      meaning: 'GivenBefore',
      values: Float32Array.of(Number.NaN, 0.25, 0.5),
    })
  })

  test('have no slots of their own where lists are whole, said or not', async () => {
    const digests: string[] = []
    for (const lists of [undefined, 'Whole'] as const) {
      const spec = await specOf(TABLES)
      if (lists !== undefined && spec.advertising?.exposures) spec.advertising.exposures.lists = lists
      const { market, artifact, advertising } = await marketOf(spec)
      expect(market.requests?.exposed).not.toHaveProperty('slot')
      expect(artifact.manifest.files.map(({ path }) => path)).not.toContain('exposed.slots.u32')
      expect(advertising).not.toHaveProperty('lists')
      digests.push(artifact.digest)
    }
    expect(digests[1]).toBe(digests[0])
  })

  test('ads alone are a market; bids of requests are those of the ads where they tell none', async () => {
    const { market, advertising } = await marketOf(await specOf({ ads: TABLES.ads }))
    expect(market.requests).toBeUndefined()
    expect(market.creatives).toBeUndefined()
    expect(advertising?.has).toEqual(['Bids'])
    const requests = [{ id: 'r', user: 'ann', time: 1, organic: [], ads: ['a9', 'a1'], bids: undefined }]
    const spec = await specOf({ ads: TABLES.ads, requests })
    delete spec.advertising?.requests?.columns.bids
    const { told } = await marketOf(spec)
    expect(told.requests.r.ads).toEqual([
      ['a9', 2],
      ['a1', 0.5],
    ])
  })

  test('bids of requests are as they were told, so that one at a reserve reaches it', async () => {
    const requests = [{ id: 'r', user: 'ann', time: 1, organic: [], ads: ['a9', 'a1'], bids: [0.7, 0.1] }]
    const { market, artifact } = await marketOf(await specOf({ ads: TABLES.ads, requests }))
    expect(market.requests?.ads?.bid).toEqual(Float64Array.of(0.7, 0.1))
    // A Dataset from before has them in 32 bits, which are read as they are.
    const older = join(await temporaryFolder(), 'bids')
    await writeNumberFile(older, Float32Array.of(0.7, 0.1))
    const { files } = artifact.manifest
    const renamed = files.map((file) => ({
      ...file,
      path: file.path.replace('eligible.bids.f64', 'eligible.bids.f32'),
    }))
    const rounded = await openMarket({
      ...artifact,
      manifest: { ...artifact.manifest, files: renamed },
      path: (file) => (file === 'eligible.bids.f32' ? older : artifact.path(file)),
    })
    expect(rounded?.requests?.ads?.bid).toEqual(Float64Array.of(Math.fround(0.7), Math.fround(0.1)))
  })

  test('without times the last requests of a user are held out', async () => {
    const requests = [1, 2, 3, 4].map((id) => ({ id: `r${id}`, user: 'ann', organic: [], ads: [], bids: [] }))
    const spec = await specOf({ ads: TABLES.ads, requests })
    delete spec.advertising?.requests?.columns.time
    const { told } = await marketOf(spec)
    const places = Object.values(told.requests).map(({ part, history }) => [part, history])
    expect(places).toEqual([
      [0, 3],
      [0, 3],
      [1, 3],
      [2, 4],
    ])
  })

  test('a temporal split cuts requests by their own times', async () => {
    const split = {
      strategy: 'Temporal',
      validationStartTime: '1970-01-01T00:00:30Z',
      testStartTime: '1970-01-01T00:00:40Z',
    } as const
    const { told } = await marketOf(await specOf(TABLES, { split }))
    const parts = Object.fromEntries(Object.entries(told.requests).map(([id, { part }]) => [id, part]))
    expect(parts).toEqual({ 'r-nobody': 0, 'r-train': 0, 'r-validation': 1, 'r-test': 2 })
  })
})

test('the digest of the source covers the tables', async () => {
  const spec = await specOf(TABLES)
  const before = (await digestSource(spec)).digest
  const other = await specOf({ ...TABLES, ads: TABLES.ads.toReversed() })
  expect((await digestSource(other)).digest).not.toBe(before)
  const { advertising: _, ...without } = spec
  expect((await digestSource(without)).digest).not.toBe(before)
})

test('whatever lists requests have, they come back in their order', async () => {
  const items = ['i1', 'i2', 'i3', 'i4', 'i5', 'i9']
  const ads = ['i1', 'i2', 'i3'].map((item) => ({ id: `ad-${item}`, item, advertiser: 'x', bid: 1, value: 1 }))
  const request = fc.record({
    organic: fc.shuffledSubarray(items.slice(3)),
    ads: fc.shuffledSubarray(ads.map(({ id }) => id)),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), async (given) => {
      const requests = given.map((lists, index) => ({
        id: `r${index}`,
        user: 'ann',
        time: index,
        ...lists,
        bids: lists.ads.map((_, place) => place + 0.5),
      }))
      const { told } = await marketOf(await specOf({ ads, requests }))
      given.forEach((lists, index) => {
        expect(told.requests[`r${index}`].organic).toEqual(lists.organic)
        expect(told.requests[`r${index}`].ads).toEqual(lists.ads.map((ad, place) => [ad, place + 0.5]))
      })
    }),
    { numRuns: 3 },
  )
})
