import { mkdir, truncate, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, type TestContext as Test, test } from 'vitest'
import type { Dataset } from '../../../crds/kinds/dataset.ts'
import { Bucket } from '../../../workers/artifacts/s3/bucket.ts'
import { openS3Store } from '../../../workers/artifacts/s3/store.ts'
import { openDataset } from '../../../workers/data/dataset-reader.ts'
import { SourceChangedError } from '../../../workers/data/errors.ts'
import { fetchSourceObjects, listSourceObjects } from '../../../workers/data/source-objects.ts'
import { processDataset } from '../../../workers/processors/dataset.ts'
import { sharedS3Server } from '../../support/s3-server.ts'
import { temporaryFolder } from '../artifacts/support.ts'
import { sequencesById, sourceWith } from '../data/support.ts'
import { payloadOf, type TestContext, testContext } from './support.ts'

const server = sharedS3Server()

type Spec = Dataset['spec']
type Source = Partial<NonNullable<Spec['source']['s3']>>

const columns = { user: 'user', item: 'item', time: 'time' }
const row = (user: string, item: string, time: number) => `${JSON.stringify({ user, item, time })}\n`
const logs = {
  'day=1/part[0].jsonl': row('ann', 'a', 1) + row('bob', 'b', 2),
  'day=2/part-0.jsonl': row('ann', 'b', 3) + row('ann', 'c', 4),
}
const items = 'id,title\na,Anvil\nb,Bolt\nc,Cog\n'

const specOf = (source: Spec['source'], path = '**/*.jsonl'): Spec =>
  ({
    source,
    interactions: { path, format: 'JSONLines', columns },
    items: { path: 'items.csv', format: 'CSV', columns: { id: 'id', text: ['title'] } },
    split: { strategy: 'LeaveOneOut' },
  }) as Spec

/** A bucket with objects below `ads/`, and what reads them. */
async function bucketWith(objects: Record<string, string | Buffer>, test: Test) {
  const { createBucket, pathOf } = server(test)
  const name = await createBucket()
  const uri = `s3://${name}/ads`
  const bucket = new Bucket(uri)
  const put = async (key: string, contents: string | Buffer) => {
    const file = join(await temporaryFolder(), 'object')
    await writeFile(file, contents)
    await bucket.upload(key, file)
  }
  for (const [key, contents] of Object.entries(objects)) await put(key, contents)
  const spec = (more: Source = {}, path?: string) => specOf({ s3: { uri, maxSizeGibibytes: 1, ...more } }, path)
  return { uri, bucket, put, spec, pathOf: (key: string) => pathOf(name, `ads/${key}`) }
}

const run = (spec: Spec, context: TestContext) => processDataset(payloadOf('Dataset', spec, {}), context)
const phases = (context: TestContext) => new Set(context.updates.splice(0).map(({ phase }) => phase))

describe('a Dataset of objects', () => {
  test('holds what the same files hold, read in place', async (context) => {
    const { spec } = await bucketWith({ ...logs, 'items.csv': items, 'other.txt': 'x', 'day=3/': '' }, context)
    const fromObjects = await testContext()
    const read = await run(spec(), fromObjects)
    const folder = await sourceWith({ 'day=1/part-0.jsonl': logs['day=1/part[0].jsonl'], 'items.csv': items })
    await mkdir(join(folder, 'day=2'))
    await writeFile(join(folder, 'day=2/part-0.jsonl'), logs['day=2/part-0.jsonl'])
    const fromFiles = await testContext()
    const expected = await run(specOf({ file: { path: folder } }), fromFiles)
    const { sourceDigest: _, ...counts } = expected.summary
    expect(read.summary).toMatchObject(counts)
    const contents = async ({ store }: TestContext, { artifact }: typeof read) =>
      sequencesById(await openDataset(await store.open(artifact.digest)))
    expect(await contents(fromObjects, read)).toEqual(await contents(fromFiles, expected))
  })

  test('has the same content digest as files of the same names, so moving logs into a bucket changes nothing', async (context) => {
    const named = { 'day=2/part-0.jsonl': logs['day=2/part-0.jsonl'], 'items.csv': items }
    const { spec } = await bucketWith(named, context)
    const folder = await sourceWith(named)
    const [objects, files] = [
      await run(spec(), await testContext()),
      await run(specOf({ file: { path: folder } }), await testContext()),
    ]
    expect(objects.summary.sourceDigest).toBe(files.summary.sourceDigest)
  })

  test('may hold tables of ads, which its digest covers as that of files does', async (context) => {
    const ads = (bid: number) => `id,item,brand,bid\nx,c,acme,${bid}\ny,b,acme,2\n`
    const objects = { 'day=2/part-0.jsonl': logs['day=2/part-0.jsonl'], 'items.csv': items, 'ads.csv': ads(1) }
    const { spec, put } = await bucketWith(objects, context)
    const advertising = {
      ads: {
        path: 'ads.csv',
        format: 'CSV',
        columns: { id: 'id', item: 'item', advertiser: 'brand', bid: 'bid' },
      },
    } as const
    const work = await testContext()
    const fromObjects = await run({ ...spec(), advertising }, work)
    expect(fromObjects.summary.advertising).toMatchObject({ ads: 2, advertisers: 1, has: ['Bids'] })
    const folder = await sourceWith(objects)
    const fromFiles = await run({ ...specOf({ file: { path: folder } }), advertising }, await testContext())
    expect(fromFiles.summary).toEqual(fromObjects.summary)
    await put('ads.csv', ads(3))
    const changed = await run({ ...spec(), advertising }, work)
    expect(changed.summary.sourceDigest).not.toBe(fromObjects.summary.sourceDigest)
    expect(changed.artifact.digest).not.toBe(fromObjects.artifact.digest)
  })

  test('may be compressed, and names object and line of a bad row by its key', async (context) => {
    const objects = { 'logs/a.jsonl.gz': gzipSync(`${logs['day=2/part-0.jsonl']}no JSON\n`), 'items.csv': items }
    const { spec } = await bucketWith(objects, context)
    const lenient = { ...spec({}, 'logs/a.jsonl.gz'), maxBadRows: 1 }
    const { summary } = await run(lenient, await testContext())
    expect(summary).toMatchObject({ interactions: 2, badRows: 1 })
    expect(summary.badRowExamples).toEqual([expect.objectContaining({ file: 'logs/a.jsonl.gz', line: 3 })])
  })

  test('is fetched once for each change of what it holds, and never for nothing', async (context) => {
    const { spec, put } = await bucketWith({ ...logs, 'items.csv': items }, context)
    const world = await testContext()
    const first = await run(spec(), world)
    expect(phases(world)).toContain('Fetching')
    const second = await run(spec(), world)
    expect(phases(world)).not.toContain('Fetching')
    expect(second).toMatchObject({ reused: true, artifact: { digest: first.artifact.digest } })
    await put('day=3/part-0.jsonl', row('cid', 'a', 9))
    const third = await run(spec(), world)
    expect(phases(world)).toContain('Fetching')
    expect(third.artifact.digest).not.toBe(first.artifact.digest)
    expect(third.summary).toMatchObject({ users: 3, interactions: 5 })
  })

  test('is fetched and found equal when an object was written again, or its server knows no tags', async (context) => {
    const { spec, put, pathOf } = await bucketWith({ ...logs, 'items.csv': items }, context)
    const tagged = await testContext()
    const before = await run(spec(), tagged)
    phases(tagged)
    // Servers keep whole seconds.
    await utimes(pathOf('items.csv'), 1, 1)
    const after = await run(spec(), tagged)
    expect(phases(tagged)).toContain('Fetching')
    expect(after).toMatchObject({ reused: true, artifact: { digest: before.artifact.digest } })
    await put('items.csv', items)
    // Put there behind the server's back, it has no tag.
    await mkdir(dirname(pathOf('logs/a.jsonl')), { recursive: true })
    await writeFile(pathOf('logs/a.jsonl'), logs['day=2/part-0.jsonl'])
    const world = await testContext()
    const first = await run(spec(), world)
    phases(world)
    const second = await run(spec(), world)
    expect(phases(world)).toContain('Fetching')
    expect(second).toMatchObject({ reused: true, artifact: { digest: first.artifact.digest } })
  })

  test('works with its store in the same server', async (context) => {
    const { spec, uri } = await bucketWith({ ...logs, 'items.csv': items }, context)
    const local = await temporaryFolder()
    const world = await testContext()
    const store = openS3Store(`${uri}-store`, { scratch: world.scratch, cacheFolder: join(local, 'cache') })
    const { artifact } = await run(spec(), { ...world, store })
    expect((await openDataset(await store.open(artifact.digest))).userCount).toBe(2)
    expect(await run(spec(), { ...world, store })).toMatchObject({ reused: true })
  })
})

describe('what cannot be fetched', () => {
  const failure = (spec: Spec, world: TestContext) =>
    run(spec, world).then(
      () => undefined,
      (error: unknown) => error,
    )

  test('more than the bound: refused by its listing, before anything is fetched', async (context) => {
    const { spec, put, pathOf } = await bucketWith({ 'items.csv': items }, context)
    await put('huge.jsonl', 'x')
    await truncate(pathOf('huge.jsonl'), 1.5 * 2 ** 30)
    const world = await testContext()
    const error = await failure(spec(), world)
    expect(error).toMatchObject({ reason: 'TooLarge', retryable: false })
    expect(String(error)).toMatch(/1\.5 GiB, more than spec\.source\.s3\.maxSizeGibibytes \(1\)/)
    expect(phases(world)).not.toContain('Fetching')
  })

  test('nothing that matches, and patterns that would lead out', async (context) => {
    const { spec } = await bucketWith({ 'items.csv': items, 'logs/a.json': '' }, context)
    expect(await failure(spec(), await testContext())).toMatchObject({
      reason: 'SourceNotFound',
      message: expect.stringMatching(/No object below .* matches "\*\*\/\*\.jsonl"\. Change spec\.interactions\.path/),
    })
    expect(await failure(spec({}, '../x'), await testContext())).toMatchObject({ reason: 'InvalidSpec' })
    expect(await failure(spec({ uri: 's3://bucket/a/../b' }), await testContext())).toMatchObject({
      reason: 'InvalidSpec',
      retryable: false,
    })
  })

  test('a bucket that is not there, and one that does not let us in', async (context) => {
    const { spec } = await bucketWith({}, context)
    expect(await failure(spec({ uri: 's3://no-such-bucket' }), await testContext())).toMatchObject({
      reason: 'SourceNotFound',
      retryable: true,
      message: expect.stringMatching(/no bucket no-such-bucket.*spec\.source\.s3\.uri/),
    })
    const { environment, stranger } = server(context)
    Object.assign(process.env, await stranger())
    const denied = await failure(spec(), await testContext())
    Object.assign(process.env, environment)
    expect(denied).toMatchObject({ reason: 'SourceAccessDenied', message: expect.stringContaining('ListObjectsV2') })
  })

  test('an object that was replaced or removed since it was listed', async (context) => {
    const { spec, uri, bucket, put } = await bucketWith({ ...logs, 'items.csv': items }, context)
    const source = { uri, maxSizeGibibytes: 1 }
    const listed = await listSourceObjects(spec(), source)
    const { signal } = new AbortController()
    const fetch = async () =>
      fetchSourceObjects(source, listed, { folder: await temporaryFolder(), signal, onFetched: () => undefined })
    expect((await fetch()).interactions).toHaveLength(2)
    await put('items.csv', items.replace('Anvil', 'Angle'))
    await expect(fetch()).rejects.toThrow(SourceChangedError)
    await bucket.remove(['items.csv'])
    await expect(fetch()).rejects.toThrow('found nothing')
  })

  test('a job that shall stop', async (context) => {
    const { spec } = await bucketWith({ ...logs, 'items.csv': items }, context)
    const signal = AbortSignal.abort(new Error('suspended'))
    expect(String(await failure(spec(), { ...(await testContext()), signal }))).toContain('suspended')
  })
})
