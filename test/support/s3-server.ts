import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, type TestContext } from 'vitest'
import { cacheFolder } from '../../operator/cli/cache-folder.ts'
import { freePort } from '../../operator/cli/free-port.ts'
import { startComponent } from './control-plane/component.ts'
import type { Unavailable } from './control-plane/unavailable.ts'
import { buildS3Server } from './s3-server/build.ts'

/** A real S3 server (versitygw) on loopback, over a temporary folder. */
export interface S3Server {
  /** Variables of a client that may do everything. */
  environment: Record<string, string>
  /** Makes a bucket of a new name. */
  createBucket(): Promise<string>
  /** Where an object of a bucket lies on disk, as a plain file. */
  pathOf(bucket: string, key?: string): string
  /** Variables of a client whom no bucket lets in. */
  stranger(): Promise<Record<string, string>>
  stop(): Promise<void>
}

const readyTimeoutMs = 30_000

/**
 * @returns the reason where there is no server and no way to build one.
 * @throws when the build or the start fails, with the end of its output.
 */
export async function startS3Server(): Promise<S3Server | Unavailable> {
  const report = (line: string) => process.stderr.write(`S3 server: ${line}\n`)
  const built = await buildS3Server({
    env: process.env,
    cache: cacheFolder(process.env, homedir(), 's3-server'),
    report,
  })
  if ('reason' in built) return built
  const directory = await mkdtemp(join(tmpdir(), 'adloom-s3-'))
  const folder = (name: string) => join(directory, name)
  for (const name of ['buckets', 'metadata', 'accounts']) await mkdir(folder(name))
  const address = `127.0.0.1:${await freePort()}`
  const endpoint = `http://${address}`
  const accessKey = 'adloom-test'
  const secretKey = randomBytes(24).toString('hex')
  const root = [`--access=${accessKey}`, `--secret=${secretKey}`]
  const server = startComponent(
    built.program,
    // Metadata in a folder of their own: not every file system has extended attributes.
    [
      ...root,
      `--port=${address}`,
      `--iam-dir=${folder('accounts')}`,
      '--quiet',
      '--health=/health',
      'posix',
      `--sidecar=${folder('metadata')}`,
      folder('buckets'),
    ],
    directory,
    'versitygw',
  )
  const stop = async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await server.until(async () => (await fetch(`${endpoint}/health`)).ok, readyTimeoutMs)
  } catch (error) {
    await stop()
    throw error
  }
  const as = (access: string, secret: string) => ({
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: access,
    AWS_SECRET_ACCESS_KEY: secret,
    // What stores cache goes with the server.
    ADLOOM_SCRATCH: folder('scratch'),
  })
  return {
    environment: as(accessKey, secretKey),
    async createBucket() {
      const name = `test-${randomBytes(6).toString('hex')}`
      const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3')
      const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
      const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
      await client.send(new CreateBucketCommand({ Bucket: name }))
      client.destroy()
      return name
    },
    pathOf: (bucket, key = '') => join(directory, 'buckets', bucket, key),
    async stranger() {
      const access = `stranger-${randomBytes(4).toString('hex')}`
      const secret = randomBytes(24).toString('hex')
      const user = ['create-user', `--access=${access}`, `--secret=${secret}`, '--role=user']
      await promisify(execFile)(built.program, ['admin', ...root, `--endpoint-url=${endpoint}`, ...user])
      return as(access, secret)
    },
    stop,
  }
}

/**
 * One server for a test file, its variables in this process. Call the function that it gives first in each test: it
 * skips the test, with the reason, where there is no server.
 */
export function sharedS3Server(): (context: Pick<TestContext, 'skip'>) => S3Server {
  let started: S3Server | Unavailable | undefined
  const before = { ...process.env }
  beforeAll(async () => {
    started = await startS3Server()
    if (!('reason' in started)) Object.assign(process.env, started.environment)
  }, 1_800_000)
  afterAll(async () => {
    if (!started || 'reason' in started) return
    for (const name of Object.keys(started.environment)) {
      const value = before[name]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    await started.stop()
  })
  return (context) => {
    if (!started) throw new Error('the S3 server is there in tests only')
    if ('reason' in started) return context.skip(started.reason)
    return started
  }
}
