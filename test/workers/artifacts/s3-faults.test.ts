import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hexOf } from '../../../workers/artifacts/digest.ts'
import { InvalidNameError } from '../../../workers/artifacts/errors.ts'
import { hashFile } from '../../../workers/artifacts/manifest.ts'
import { openStore } from '../../../workers/artifacts/open-store.ts'
import { Bucket } from '../../../workers/artifacts/s3/bucket.ts'
import { openS3Store } from '../../../workers/artifacts/s3/store.ts'
import { partSizeOf } from '../../../workers/artifacts/s3/upload.ts'
import { sharedS3Server } from '../../support/s3-server.ts'
import { publishText, request } from './contract/artifacts.ts'
import { ageFiles } from './contract/place.ts'
import { inputOf, snapshot, temporaryFolder } from './support.ts'

const server = sharedS3Server()
const HOUR = 3_600_000
const old = { isReferenced: () => false, olderThan: HOUR }

async function storeIn(uri: string, limit?: { cacheFolder?: string; cacheLimitBytes?: number }) {
  const local = await temporaryFolder()
  return openS3Store(uri, { scratch: join(local, 'scratch'), cacheFolder: join(local, 'cache'), ...limit })
}

describe('large files', () => {
  test('go up in parts and come back whole', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    const size = 40 * 2 ** 20 + 12_345
    const store = await storeIn(uri)
    let written = ''
    const reference = await store.publish(request, async (folder) => {
      const handle = await open(join(folder, 'large'), 'w')
      // Every MiB differs, so that parts in the wrong order show.
      for (let at = 0; at < size; at += 2 ** 20) {
        await handle.write(Buffer.alloc(Math.min(2 ** 20, size - at), `part ${at} `), 0)
      }
      await handle.close()
      written = (await hashFile({ open }, join(folder, 'large'))).sha256
    })
    expect(reference.sizeBytes).toBe(size)
    const artifact = await (await storeIn(uri)).open(reference.digest)
    expect(await hashFile({ open }, artifact.path('large'))).toEqual({ sha256: written, size })
  })

  test('have parts few enough for S3, whatever their size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 * 2 ** 40 }), (size) => {
        const part = partSizeOf(size)
        expect(part % 2 ** 20).toBe(0)
        expect(Math.ceil(size / part)).toBeLessThanOrEqual(10_000)
        expect(part).toBeLessThanOrEqual(5 * 2 ** 30)
      }),
    )
  })
})

describe('what is wrong is said, with what to check and without a secret', () => {
  const failure = async (uri: string) =>
    openStore(uri, { scratch: await temporaryFolder() })
      .stat(inputOf('any'))
      .then(
        () => undefined,
        (error: unknown) => error,
      )

  /** Runs with other variables, since the SDK reads those of the process. */
  async function withVariables<T>(variables: Record<string, string>, run: () => Promise<T>): Promise<T> {
    const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
    Object.assign(process.env, variables)
    try {
      return await run()
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  }

  const secretsOf = (variables: NodeJS.ProcessEnv) =>
    [variables.AWS_ACCESS_KEY_ID, variables.AWS_SECRET_ACCESS_KEY].filter((value) => value !== undefined)

  function expectFailure(error: unknown, reason: string, words: RegExp) {
    expect(error).toMatchObject({ name: 'StoreAccessError', reason, retryable: true })
    expect(String(error)).toMatch(words)
    const said = JSON.stringify([error, String(error), error instanceof Error ? [error.stack, error.cause] : []])
    for (const secret of secretsOf(process.env)) expect(said).not.toContain(secret)
  }

  test('a bucket that is not there', async (context) => {
    server(context)
    expectFailure(await failure('s3://no-such-bucket/x'), 'StoreNotFound', /no bucket no-such-bucket.*Create it/)
  })

  test('a stranger to the bucket', async (context) => {
    const { createBucket, stranger } = server(context)
    const uri = `s3://${await createBucket()}`
    await withVariables(await stranger(), async () => {
      expectFailure(await failure(uri), 'StoreAccessDenied', /GetObject.*denied.*s3:ListBucket.*adloom-store/)
    })
  })

  test('a wrong secret, and a key that nobody has', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    for (const variables of [{ AWS_SECRET_ACCESS_KEY: 'wrong-secret' }, { AWS_ACCESS_KEY_ID: 'nobodys-key' }]) {
      await withVariables(variables as Record<string, string>, async () => {
        expectFailure(await failure(uri), 'StoreAccessDenied', /not accepted.*adloom-store.*service account/)
      })
    }
  })

  test('a server that does not listen', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const address = closed.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await new Promise((resolve) => closed.close(resolve))
    const variables = {
      AWS_ENDPOINT_URL_S3: `http://user:password-in-url@127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: 'some-key',
      AWS_SECRET_ACCESS_KEY: 'some-secret',
    }
    await withVariables(variables, async () => {
      const error = await failure('s3://bucket')
      expectFailure(error, 'StoreUnreachable', /ECONNREFUSED.*AWS_ENDPOINT_URL_S3/)
      expect(String(error)).not.toContain('password-in-url')
    })
  })

  test.each(['s3://', 's3://UPPER/x', 's3://b', 's3://bucket/../other', 's3://bucket/sp ace'])('the URI %j', (uri) => {
    expect(() => openStore(uri)).toThrow(InvalidNameError)
  })
})

describe('the cache', () => {
  const entries = (folder: string) => readdir(join(folder, 'artifacts'))

  async function published(uri: string, names: string[]) {
    const store = await storeIn(uri)
    return Promise.all(names.map((name) => publishText(store, name.padEnd(1000, '.'))))
  }

  test('serves without the server what it has, and mends itself where its own bytes are damaged', async (context) => {
    const { createBucket, pathOf } = server(context)
    const bucket = await createBucket()
    const [reference] = await published(`s3://${bucket}`, ['abc'])
    const cacheFolder = await temporaryFolder()
    const first = await (await storeIn(`s3://${bucket}`, { cacheFolder })).open(reference.digest)
    // The server's copy is damaged now; another process still gets sound bytes from the cache.
    const path = reference.uri.slice(`s3://${bucket}/`.length)
    const upload = (await readFile(join(pathOf(bucket, path), 'published'), 'utf8')).split('\n')[0]
    const remote = join(pathOf(bucket, path), upload, 'events.u32')
    const sound = await readFile(remote)
    await writeFile(remote, 'damaged')
    const second = await (await storeIn(`s3://${bucket}`, { cacheFolder })).open(reference.digest)
    expect(await second.readFile('events.u32')).toEqual(sound)
    await writeFile(remote, sound)
    await writeFile(first.path('events.u32'), 'damaged')
    const third = await (await storeIn(`s3://${bucket}`, { cacheFolder })).open(reference.digest)
    expect(await third.readFile('events.u32')).toEqual(sound)
  })

  test('keeps to its bound, but never takes away what somebody has open', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    const references = await published(uri, ['a', 'b', 'c', 'd'])
    const cacheFolder = await temporaryFolder()
    const scratch = await temporaryFolder()
    const user = openS3Store(uri, { scratch, cacheFolder, cacheLimitBytes: 2500 })
    const held = await user.open(references[0].digest)
    for (const { digest } of references.slice(1)) {
      const local = await temporaryFolder()
      await openS3Store(uri, { scratch: local, cacheFolder, cacheLimitBytes: 2500 }).open(digest)
      // Its job has ended.
      await rm(local, { recursive: true })
    }
    const kept = await entries(cacheFolder)
    expect(kept).toHaveLength(2)
    expect(kept).toContain(hexOf(references[0].digest))
    expect((await held.readFile('events.u32')).toString()).toBe('a'.padEnd(1000, '.'))
    await rm(scratch, { recursive: true })
    await (await storeIn(uri, { cacheFolder, cacheLimitBytes: 0 })).open(references[1].digest)
    expect(await entries(cacheFolder)).toEqual([hexOf(references[1].digest)])
  })

  test('many processes fill it with one artifact at once', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    const [reference] = await published(uri, ['shared'])
    const cacheFolder = await temporaryFolder()
    const stores = await Promise.all(Array.from({ length: 6 }, () => storeIn(uri, { cacheFolder, cacheLimitBytes: 0 })))
    const artifacts = await Promise.all(stores.map((store) => store.open(reference.digest)))
    for (const artifact of artifacts) {
      expect((await artifact.readFile('events.u32')).toString()).toBe('shared'.padEnd(1000, '.'))
    }
    expect(await readdir(join(cacheFolder, 'incoming'))).toEqual([])
  })

  test('a process without a scratch folder of its own keeps what it opened until it ends', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    const [reference] = await published(uri, ['opened'])
    const root = await mkdtemp(join(tmpdir(), 'adloom-test-'))
    onTestFinished(() => rm(root, { recursive: true, force: true }))
    const former = join(root, 'adloom-opened', `pod-${process.pid}-before`)
    const others = join(root, 'adloom-opened', 'other-pod-1-before')
    for (const folder of [former, others]) await mkdir(folder, { recursive: true })
    const environment = { ...process.env, ADLOOM_SCRATCH: root, POD_NAME: 'pod' }
    const artifact = await openS3Store(uri, { environment }).open(reference.digest)
    expect(artifact.path('events.u32').startsWith(join(root, 'adloom-opened', `pod-${process.pid}-`))).toBe(true)
    // The container's last life is over; another Pod's is not ours to end.
    expect([existsSync(former), existsSync(others)]).toEqual([false, true])
  })
})

/** A way to the server that breaks once, in the middle of an answer, after so many bytes. */
async function breakingProxy(endpoint: string, after: number): Promise<{ endpoint: string; broke(): boolean }> {
  const { hostname, port } = new URL(endpoint)
  let passed = 0
  let broke = false
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    client.pipe(upstream)
    upstream.on('data', (chunk) => {
      passed += chunk.length
      if (!broke && passed > after) {
        broke = true
        client.destroy()
        upstream.destroy()
      } else client.write(chunk)
    })
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const address = proxy.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    broke: () => broke,
  }
}

describe('crashes and races', () => {
  test('a connection that breaks in the middle of a download is no fault of the artifact', async (context) => {
    const { createBucket, environment } = server(context)
    const uri = `s3://${await createBucket()}`
    const text = 'some bytes '.repeat(200_000)
    const reference = await publishText(await storeIn(uri), text)
    const proxy = await breakingProxy(environment.AWS_ENDPOINT_URL_S3, 1_000_000)
    process.env.AWS_ENDPOINT_URL_S3 = proxy.endpoint
    onTestFinished(() => {
      process.env.AWS_ENDPOINT_URL_S3 = environment.AWS_ENDPOINT_URL_S3
    })
    const artifact = await (await storeIn(uri)).open(reference.digest)
    expect((await artifact.readFile('events.u32')).toString()).toBe(text)
    expect(proxy.broke()).toBe(true)
  })

  test('an upload that was never completed is invisible, and collected when it is old', async (context) => {
    const { createBucket, pathOf } = server(context)
    const bucket = await createBucket()
    const store = await storeIn(`s3://${bucket}`)
    const { digest, uri } = await publishText(store, 'abc')
    const place = pathOf(bucket, uri.slice(`s3://${bucket}/`.length))
    // As if the process had died just before, and just after, the object that makes the files an artifact.
    await rm(join(place, 'published'))
    expect(await store.stat(digest)).toBeUndefined()
    expect((await store.collectGarbage({ ...old, now: Date.now() })).folders).toEqual([])
    await ageFiles(place, 2 * HOUR)
    const collected = await store.collectGarbage({ ...old, now: Date.now() })
    expect(collected.folders).toHaveLength(1)
    expect(collected.artifacts).toEqual([])
    expect(await snapshot(pathOf(bucket, 'artifacts'))).toEqual({})
  })

  test('a multipart upload whose writer died is ended', async (context) => {
    const { createBucket, environment } = server(context)
    const bucket = await createBucket()
    const sdk = await import('@aws-sdk/client-s3')
    const client = new sdk.S3Client({ endpoint: environment.AWS_ENDPOINT_URL_S3, forcePathStyle: true })
    const place = { Bucket: bucket, Key: 'artifacts/half' }
    await client.send(new sdk.CreateMultipartUploadCommand(place))
    const uploads = async () =>
      (await client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.length ?? 0
    const store = await storeIn(`s3://${bucket}`)
    await store.collectGarbage({ ...old, now: Date.now() })
    expect(await uploads()).toBe(1)
    await store.collectGarbage({ ...old, now: Date.now() + 2 * HOUR })
    expect(await uploads()).toBe(0)
    client.destroy()
  })

  test('of writers of one name the first wins, also when its answer was lost and it asks again', async (context) => {
    const { createBucket } = server(context)
    const bucket = new Bucket(`s3://${await createBucket()}/x`)
    const bodies = Array.from({ length: 8 }, (_, writer) => `writer ${writer}`)
    const won = await Promise.all(bodies.map((body) => bucket.writeIfAbsent('claimed', body)))
    expect(won.filter(Boolean)).toHaveLength(1)
    const winner = bodies[won.indexOf(true)]
    expect(await bucket.read('claimed')).toBe(winner)
    expect(await bucket.writeIfAbsent('claimed', winner)).toBe(true)
    expect(await bucket.writeIfAbsent('claimed', 'too late')).toBe(false)
  })

  test('two operators that append to a ledger at once lose nothing', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    const stores = await Promise.all([storeIn(uri), storeIn(uri)])
    await Promise.all(
      stores.map(async ({ ledger }, writer) => {
        for (let entry = 0; entry < 5; entry++) await ledger.append('ads', { writer, entry })
      }),
    )
    const read = await stores[0].ledger.read('ads')
    for (const writer of [0, 1]) {
      expect(read.filter((entry) => entry.writer === writer).map(({ entry }) => entry)).toEqual([0, 1, 2, 3, 4])
    }
  })

  test('what is no entry of a ledger is passed over', async (context) => {
    const { createBucket } = server(context)
    const uri = `s3://${await createBucket()}`
    const store = await storeIn(uri)
    await store.ledger.append('ads', { entry: 1 })
    const bucket = new Bucket(uri)
    await bucket.write('ledger/ads/000000000002.json', '{"entry":')
    await bucket.write('ledger/ads/notes.txt', 'x')
    await store.ledger.append('ads', { entry: 3 })
    expect(await store.ledger.read('ads')).toEqual([{ entry: 1 }, { entry: 3 }])
  })

  test('more objects than one answer or one request holds are all listed and all removed', async (context) => {
    const { createBucket, pathOf } = server(context)
    const name = await createBucket()
    const keys = Array.from({ length: 1003 }, (_, index) => `many/${String(index).padStart(4, '0')}`)
    await mkdir(pathOf(name, 'x/many'), { recursive: true })
    await Promise.all(keys.map((key) => writeFile(pathOf(name, `x/${key}`), '')))
    const bucket = new Bucket(`s3://${name}/x`)
    const listed = async () => (await Array.fromAsync(bucket.list('many/'))).map(({ key }) => key)
    expect(await listed()).toEqual(keys)
    await bucket.remove(keys)
    expect(await listed()).toEqual([])
  })

  test('a young quarantine keeps the files it speaks of', async (context) => {
    const { createBucket, pathOf } = server(context)
    const bucket = await createBucket()
    const store = await storeIn(`s3://${bucket}`)
    const { digest, uri } = await publishText(store, 'abc')
    await ageFiles(pathOf(bucket, uri.slice(`s3://${bucket}/`.length)), 2 * HOUR)
    await store.quarantine(digest)
    await store.collectGarbage({ ...old, now: Date.now() })
    expect(Object.values(await snapshot(pathOf(bucket, 'artifacts')))).toContain('abc')
  })
})
