import { rmSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { DatasetSpec, InteractionsSpec } from '../../../workers/data/dataset-spec.ts'
import { BadDataError, SourceChangedError } from '../../../workers/data/errors.ts'
import { digestSource } from '../../../workers/data/source-digest.ts'
import { findSourceFiles } from '../../../workers/data/source-files.ts'
import { failingFilesystem, inputOf, temporaryFolder } from '../artifacts/support.ts'
import { ingest, sequencesById, sourceWith, writeParquet } from './support.ts'

const COLUMNS = { user: 'user', item: 'item', time: 'time' }

function specOf(path: string, interactions: InteractionsSpec, more: Partial<DatasetSpec> = {}): DatasetSpec {
  return { source: { file: { path } }, interactions, split: { strategy: 'LeaveOneOut' }, ...more }
}

/** The same five events in every format: ann c@5 a@9 b@20, bob b@1 a@1 (a tie, in the order given). */
const EVENTS: [user: string, item: string, seconds: number][] = [
  ['ann', 'b', 20],
  ['bob', 'b', 1],
  ['ann', 'c', 5],
  ['bob', 'a', 1],
  ['ann', 'a', 9],
]
const SEQUENCES = { ann: ['c', 'a', 'b'], bob: ['b', 'a'] }

const CSV = `time,user,item\n${EVENTS.map(([user, item, seconds]) => `${seconds},${user},${item}\n`).join('')}`
const JSON_LINES = EVENTS.map(([user, item, seconds]) => `${JSON.stringify({ user, item, time: seconds })}\n`).join('')

describe('every format gives the same sequences', () => {
  test.each<[name: string, contents: string | Buffer, format: 'CSV' | 'JSONLines']>([
    ['log.csv', CSV, 'CSV'],
    ['log.csv.gz', gzipSync(CSV), 'CSV'],
    ['log.jsonl', JSON_LINES, 'JSONLines'],
    ['no-final-newline.jsonl', JSON_LINES.trimEnd(), 'JSONLines'],
    ['crlf.csv', CSV.replaceAll('\n', '\r\n'), 'CSV'],
    ['blank-lines.jsonl', JSON_LINES.replaceAll('\n', '\n\n'), 'JSONLines'],
  ])('%s', async (name, contents, format) => {
    const folder = await sourceWith({ [name]: contents })
    const { dataset, interactions } = await ingest(specOf(folder, { path: name, format, columns: COLUMNS }))
    expect(sequencesById(dataset)).toEqual(SEQUENCES)
    expect(interactions).toBe(5)
    expect(Array.from(dataset.times ?? []).sort((a, b) => a - b)).toEqual([1000, 1000, 5000, 9000, 20_000])
  })

  test('Parquet, with a timestamp column and integer ids', async () => {
    const folder = await temporaryFolder()
    const rows = EVENTS.map(
      ([user, item, seconds]) => `(${user.length + user.charCodeAt(0)}, '${item}', make_timestamp(${seconds}000000))`,
    )
    await writeParquet(join(folder, 'log.parquet'), `SELECT * FROM (VALUES ${rows.join(', ')}) t("user", item, "time")`)
    const { dataset } = await ingest(specOf(folder, { path: '*.parquet', format: 'Parquet', columns: COLUMNS }))
    expect(sequencesById(dataset)).toEqual({ 100: SEQUENCES.ann, 101: SEQUENCES.bob })
    expect(dataset.times?.[dataset.offsets[dataset.findUser('100') ?? 0]]).toBe(5000)
  })

  test('sequence lines, over several files in the order of their names', async () => {
    const folder = await sourceWith({ 'b.txt': 'ann b\n', 'a.txt': 'ann  c\ta \r\n\nbob b a\n' })
    const { dataset } = await ingest(specOf(folder, { path: '*.txt', format: 'SequenceLines' }))
    expect(sequencesById(dataset)).toEqual(SEQUENCES)
    expect(dataset.times).toBeUndefined()
  })

  test('CSV with another delimiter, quotes and a byte order mark', async () => {
    const folder = await sourceWith({
      'log.csv': '\uFEFF"item"|"user|id"|x\n"the ""best"""|ann|1\n"two\nlines"|ann|2\n',
    })
    const interactions: InteractionsSpec = {
      path: 'log.csv',
      format: 'CSV',
      delimiter: '|',
      columns: { user: 'user|id', item: 'item' },
    }
    expect(sequencesById((await ingest(specOf(folder, interactions))).dataset)).toEqual({
      ann: ['the "best"', 'two\nlines'],
    })
  })
})

describe('times', () => {
  test.each([
    ['2024-01-02T03:04:05Z', 1_704_164_645_000],
    ['2024-01-02T05:04:05+02:00', 1_704_164_645_000],
    ['2024-01-02', 1_704_153_600_000],
    ['1704164645', 1_704_164_645_000],
    ['1704164645123', 1_704_164_645_123],
    ['1704164645123456', 1_704_164_645_123.456],
  ])('%s', async (text, milliseconds) => {
    const folder = await sourceWith({ 'log.csv': `user,item,time\na,b,${text}\n` })
    const { dataset } = await ingest(specOf(folder, { path: '*.csv', format: 'CSV', columns: COLUMNS }))
    expect(dataset.times?.[0]).toBeCloseTo(milliseconds, 2)
  })
})

describe('arranging', () => {
  const lines = (sequences: Record<string, string[]>) =>
    Object.entries(sequences)
      .map(([user, items]) => `${user} ${items.join(' ')}\n`)
      .join('')
  const name = fc.stringMatching(/^[a-z0-9]{1,4}$/)

  test('whatever the sequences, they come back under their ids, every cut in its place', async () => {
    const sequences = fc.dictionary(name, fc.array(name, { minLength: 1, maxLength: 8 }), {
      minKeys: 1,
      maxKeys: 8,
      noNullPrototype: true,
    })
    await fc.assert(
      fc.asyncProperty(sequences, async (given) => {
        const folder = await sourceWith({ 's.txt': lines(given) })
        const { dataset, metadata } = await ingest(specOf(folder, { path: 's.txt', format: 'SequenceLines' }))
        expect(sequencesById(dataset)).toEqual(given)
        dataset.userIds.forEach((id, user) => {
          const { length } = given[id]
          expect([dataset.trainEnd[user], dataset.validationEnd[user]]).toEqual(
            length < 3 ? [length, length] : [length - 2, length - 1],
          )
          expect(dataset.findUser(id)).toBe(user)
        })
        const total = Object.values(metadata.splits as Record<string, number>).reduce((sum, count) => sum + count, 0)
        expect(total).toBe(Object.values(given).flat().length)
      }),
      { numRuns: 12 },
    )
  })

  test('numbers follow a seeded hash: neither first appearance nor the order of ids', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => String(index).padStart(3, '0'))
    const folder = await sourceWith({ 's.txt': lines({ u: ids }) })
    const orderWith = async (seed: number): Promise<readonly string[]> =>
      (await ingest(specOf(folder, { path: 's.txt', format: 'SequenceLines' }, { seed }))).dataset.itemIds
    const order = await orderWith(1)
    expect([...order].sort()).toEqual(ids)
    const ascending = order.filter((id, index) => index > 0 && id > order[index - 1]).length
    // Half of 199 neighbours ascend in a random order, with a standard deviation of 4.1.
    expect(Math.abs(ascending - 99.5)).toBeLessThan(17)
    expect(await orderWith(1)).toEqual(order)
    expect(await orderWith(2)).not.toEqual(order)
  })

  test('the same event written twice counts once; without times a repeat stays', async () => {
    const folder = await sourceWith({ 'log.jsonl': JSON_LINES + JSON_LINES, 's.txt': 'u a a b\n' })
    const timed = await ingest(specOf(folder, { path: 'log.jsonl', format: 'JSONLines', columns: COLUMNS }))
    expect(sequencesById(timed.dataset)).toEqual(SEQUENCES)
    expect(timed.metadata).toMatchObject({ duplicateInteractions: 5, ties: { pairs: 3, tiedPairs: 1 } })
    const untimed = await ingest(specOf(folder, { path: 's.txt', format: 'SequenceLines' }))
    expect(sequencesById(untimed.dataset)).toEqual({ u: ['a', 'a', 'b'] })
  })

  test('short users are left out, long ones cut to their newest items', async () => {
    const folder = await sourceWith({ 's.txt': 'ann a b c d\nbob a b\n' })
    const spec = specOf(
      folder,
      { path: 's.txt', format: 'SequenceLines' },
      { minInteractionsPerUser: 3, maxHistoryLength: 3 },
    )
    const { dataset, metadata } = await ingest(spec)
    expect(sequencesById(dataset)).toEqual({ ann: ['b', 'c', 'd'] })
    expect(metadata).toMatchObject({ droppedUsers: 1, summary: { interactions: 3, items: 3 } })
    const none = ingest({ ...spec, minInteractionsPerUser: 9 })
    await expect(none).rejects.toThrow('all 2 users have fewer than spec.minInteractionsPerUser = 9')
  })
})

describe('temporal split', () => {
  const log = (times: number[]) =>
    times.map((time, index) => `${JSON.stringify({ user: `u${index % 3}`, item: `i${index}`, time })}\n`).join('')
  const read: InteractionsSpec = { path: 'log.jsonl', format: 'JSONLines', columns: COLUMNS }

  test('by shares: the latest for the test, whatever the users', async () => {
    const folder = await sourceWith({ 'log.jsonl': log(Array.from({ length: 100 }, (_, index) => 1000 + index)) })
    const split = { strategy: 'Temporal', validationPercent: 10, testPercent: 20 } as const
    const { dataset, metadata } = await ingest(specOf(folder, read, { split }))
    expect(metadata.splits).toEqual({ train: 70, validation: 10, test: 20 })
    for (let user = 0; user < 3; user++) {
      const times = Array.from(dataset.times ?? []).slice(dataset.offsets[user], dataset.offsets[user + 1])
      expect(times.every((time, place) => time < 1_070_000 === place < dataset.trainEnd[user])).toBe(true)
      expect(times.every((time, place) => time < 1_080_000 === place < dataset.validationEnd[user])).toBe(true)
    }
  })

  test('by times', async () => {
    const folder = await sourceWith({ 'log.jsonl': log([0, 1, 2, 3, 4, 5]) })
    const split = {
      strategy: 'Temporal',
      validationStartTime: '1970-01-01T00:00:02Z',
      testStartTime: '1970-01-01T00:00:05Z',
    } as const
    expect((await ingest(specOf(folder, read, { split }))).metadata.splits).toEqual({
      train: 2,
      validation: 3,
      test: 1,
    })
  })

  test('needs times, and bounds in their order', async () => {
    const folder = await sourceWith({ 'log.jsonl': log([0, 1]), 's.txt': 'u a b\n' })
    const split = { strategy: 'Temporal', testPercent: 20 } as const
    const untimed = specOf(folder, { path: 's.txt', format: 'SequenceLines' }, { split })
    await expect(ingest(untimed)).rejects.toThrow('spec.interactions.columns.time')
    const reversed = {
      strategy: 'Temporal',
      validationStartTime: '2024-01-02T00:00:00Z',
      testStartTime: '2024-01-01T00:00:00Z',
    } as const
    await expect(ingest(specOf(folder, read, { split: reversed }))).rejects.toThrow('validation must start before')
  })
})

describe('catalogue', () => {
  const items = (path: string, format: 'JSONLines' | 'CSV' | 'Parquet', embedding?: string): Partial<DatasetSpec> => ({
    items: {
      path,
      format,
      columns: { id: 'id', text: ['title', 'words'], attributes: ['brand', 'path'], ...(embedding && { embedding }) },
    },
  })
  const sequences: InteractionsSpec = { path: 's.txt', format: 'SequenceLines' }

  test('JSON Lines: text joined, entities resolved, cold items kept, unknown ones without text', async () => {
    const catalogue = [
      {
        id: 'a',
        title: 'Caf&eacute; R&D',
        words: ['x', 'y'],
        brand: 'L&#39;Oreal Paris',
        path: ['Skin', 'Face'],
        v: [1, 2],
      },
      { id: 'cold', title: 'line\u2028separator', brand: null, v: [3, 4.5] },
      { id: 'a', title: 'a second time', v: [0, 0] },
    ]
    const folder = await sourceWith({
      's.txt': 'u a b\n',
      'items.jsonl': catalogue.map((row) => `${JSON.stringify(row)}\n`).join(''),
    })
    const { dataset, metadata } = await ingest(specOf(folder, sequences, items('items.jsonl', 'JSONLines', 'v')))
    const index = (id: string): number => dataset.findItem(id) ?? -1
    expect(dataset.itemText(index('a'))).toBe('Café R&D x y')
    expect(dataset.itemAttributes(index('a'))).toEqual(["L'Oreal Paris", 'Skin', 'Face'])
    expect(dataset.itemText(index('cold'))).toBe('line\u2028separator')
    expect(dataset.itemText(index('b'))).toBe('')
    const vector = (id: string) => Array.from(dataset.embeddings?.data.subarray(2 * index(id), 2 * index(id) + 2) ?? [])
    expect([vector('a'), vector('cold'), vector('b')]).toEqual([
      [1, 2],
      [3, 4.5],
      [0, 0],
    ])
    expect(metadata).toMatchObject({
      summary: { items: 3 },
      duplicateItems: 1,
      itemsOutsideCatalogue: 1,
      embeddingDimension: 2,
    })
  })

  test('CSV and Parquet give the same catalogue', async () => {
    const folder = await sourceWith({
      's.txt': 'u a\n',
      'items.csv': 'id,title,words,brand,path\na,Cream,soft,OPI,"[""Skin"",""Face""]"\n',
    })
    await writeParquet(
      join(folder, 'items.parquet'),
      "SELECT 'a' AS id, 'Cream' AS title, 'soft' AS words, 'OPI' AS brand, ['Skin', 'Face'] AS path",
    )
    for (const more of [items('items.csv', 'CSV'), items('items.parquet', 'Parquet')]) {
      const { dataset } = await ingest(specOf(folder, sequences, more))
      expect(dataset.itemText(0)).toBe('Cream soft')
      expect(dataset.itemAttributes(0)).toEqual(['OPI', 'Skin', 'Face'])
    }
  })

  test('embeddings of different lengths are refused', async () => {
    const rows = '{"id":"a","title":"","words":"","brand":"","path":"","v":[1]}\n{"id":"b","v":[1,2]}\n'
    const folder = await sourceWith({ 's.txt': 'u a\n', 'i.jsonl': rows })
    await expect(ingest(specOf(folder, sequences, items('i.jsonl', 'JSONLines', 'v')))).rejects.toThrow(
      '1 items have 1, 1 items have 2',
    )
  })
})

describe('the artifact', () => {
  test('is the same at one and two threads, and found by its input', async () => {
    const lines = Array.from(
      { length: 30_000 },
      (_, index) => `u${index % 700} i${(index * 7919) % 3000} i${index % 50}\n`,
    )
    const folder = await sourceWith({ 'a.txt': lines.slice(0, 20_000).join(''), 'b.txt': lines.slice(20_000).join('') })
    const spec = specOf(folder, { path: '*.txt', format: 'SequenceLines' })
    const one = await ingest(spec, { threads: 1 })
    const two = await ingest(spec, { threads: 2 })
    expect(two.artifact.digest).toBe(one.artifact.digest)
    expect((await two.store.findByInput('ads', inputOf('dataset')))?.digest).toBe(two.artifact.digest)
  })

  test('is not made from other contents than those that were pinned', async () => {
    const folder = await sourceWith({ 's.txt': 'u a b\n' })
    const spec = specOf(folder, { path: 's.txt', format: 'SequenceLines' })
    const { digest } = await digestSource(spec)
    await writeFile(join(folder, 's.txt'), 'u a c\n')
    const error = await ingest(spec, { sourceDigest: digest }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SourceChangedError)
    expect(error).toMatchObject({ retryable: true })
  })

  test('is made of the files that were found first, whatever comes into the folder meanwhile', async () => {
    const folder = await sourceWith({ 'a.txt': 'u a b\n' })
    const spec = specOf(folder, { path: '*.txt', format: 'SequenceLines' })
    const quiet = await ingest(spec)
    const files = await findSourceFiles(spec)
    const { digest } = await digestSource(spec, { files })
    await writeFile(join(folder, 'b.txt'), 'v a c\n')
    let written = 0
    const busy = await ingest(spec, {
      files,
      sourceDigest: digest,
      progress: ({ phase }) => writeFileSync(join(folder, `more-${phase}-${written++}.txt`), 'w a d\n'),
    })
    expect(written).toBeGreaterThan(2)
    expect(busy.artifact.digest).toBe(quiet.artifact.digest)
    const next = await ingest(spec)
    expect(next.users).toBe(3)
  })

  test('is tried again when a file that was found is removed while it is read', async () => {
    const folder = await sourceWith({ 'a.txt': 'u a b\n', 'b.txt': 'v a b\n' })
    const spec = specOf(folder, { path: '*.txt', format: 'SequenceLines' })
    const progress = ({ phase }: { phase: string }) =>
      phase === 'Loading' && rmSync(join(folder, 'b.txt'), { force: true })
    await expect(ingest(spec, { progress })).rejects.toMatchObject({ reason: 'SourceChanged', retryable: true })
    expect((await ingest(spec)).users).toBe(1)
  })

  test('leaves scratch and staging empty, also when cancelled or failed', async () => {
    const folder = await sourceWith({ 's.txt': 'u a b\n' })
    const spec = specOf(folder, { path: 's.txt', format: 'SequenceLines' })
    const root = await temporaryFolder()
    const scratch = await temporaryFolder()
    const controller = new AbortController()
    const cancelled = ingest(spec, {
      store: openFileStore(root),
      scratch,
      signal: controller.signal,
      progress: ({ phase }) => phase === 'Arranging' && controller.abort(new Error('suspended')),
    })
    await expect(cancelled).rejects.toThrow('suspended')
    const full = ingest(spec, { store: openFileStore(root, { filesystem: failingFilesystem('open', 2) }), scratch })
    await expect(full).rejects.toThrow('No space left')
    expect(await readdir(scratch)).toEqual([])
    expect(await readdir(join(root, 'staging'))).toEqual([])
  })

  test('is made from a log larger than the memory limit', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'logs'))
    // 600,000 events of some 190 bytes each, 110 MB, with 64 MB for DuckDB.
    const padding = 'x'.repeat(100)
    const part = (from: number): string =>
      Array.from({ length: 100_000 }, (_, offset) => {
        const index = from + offset
        return `{"user":"user-${index % 20_000}-${padding.slice(0, 40)}","item":"item-${(index * 31) % 5000}","time":${1e9 + index},"note":"${padding}"}\n`
      }).join('')
    for (let file = 0; file < 6; file++) await writeFile(join(folder, 'logs', `${file}.jsonl`), part(file * 100_000))
    const spec = specOf(folder, { path: 'logs/*.jsonl', format: 'JSONLines', columns: COLUMNS })
    const { dataset, interactions } = await ingest(spec, { memoryLimitMegabytes: 64 })
    expect(interactions).toBe(600_000)
    expect(dataset.userCount).toBe(20_000)
    const user = dataset.findUser(`user-7-${padding.slice(0, 40)}`) ?? -1
    const expected = Array.from({ length: 30 }, (_, round) => `item-${((7 + round * 20_000) * 31) % 5000}`)
    const found = dataset.events.subarray(dataset.offsets[user], dataset.offsets[user + 1])
    expect(Array.from(found, (item) => dataset.itemIds[item])).toEqual(expected)
  })
})

test('errors of data say that retrying does not help', async () => {
  const error = await ingest(specOf('/nowhere', { path: 's', format: 'SequenceLines' })).catch(
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(BadDataError)
  expect(error).toMatchObject({ retryable: false, reason: 'SourceNotFound' })
  expect(String(error)).toContain('spec.source.file.path')
})
