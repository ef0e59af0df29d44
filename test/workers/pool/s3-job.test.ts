import { readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { JobPayload } from '../../../crds/jobs.ts'
import { openS3Store } from '../../../workers/artifacts/s3/store.ts'
import { openDataset } from '../../../workers/data/dataset-reader.ts'
import { type JobEnd, RunningJob } from '../../../workers/pool/job-host.ts'
import { sharedS3Server } from '../../support/s3-server.ts'
import { temporaryFolder } from '../artifacts/support.ts'
import { payloadOf } from '../processors/support.ts'

const server = sharedS3Server()
const simulation = { users: 30, items: 20, interests: 3, interactionsPerUser: 6, driftPercent: 0, seed: 1 }
const nothing = { info: () => undefined, warn: () => undefined }

/** Runs a job in a thread of its own, as a worker does. */
async function runJob(payload: JobPayload, storeUri: string, scratchRoot: string): Promise<JobEnd> {
  const events = { onProgress: () => undefined, mayWrite: async () => undefined }
  const options = { storeUri, scratchRoot, threads: 1, stopGraceMilliseconds: 1000, log: nothing }
  return new RunningJob(payload, 'token', events, options).end
}

const datasetJob = () =>
  payloadOf('Dataset', { source: { simulation }, split: { strategy: 'LeaveOneOut' } }, {}) as JobPayload

async function expectPublished(end: JobEnd, uri: string): Promise<string> {
  if (!('outcome' in end)) throw new Error(`the job failed: ${JSON.stringify(end)}`)
  const { digest } = end.outcome.artifact
  const store = openS3Store(uri, { scratch: await temporaryFolder(), cacheFolder: await temporaryFolder() })
  expect((await openDataset(await store.open(digest))).userCount).toBe(30)
  return digest
}

test('a job publishes into a bucket, leaves no scratch, and its result is found again', async (context) => {
  const { createBucket, environment } = server(context)
  const uri = `s3://${await createBucket()}/store`
  const scratch = await temporaryFolder()
  process.env.ADLOOM_SCRATCH = scratch
  onTestFinished(() => {
    process.env.ADLOOM_SCRATCH = environment.ADLOOM_SCRATCH
  })
  const digest = await expectPublished(await runJob(datasetJob(), uri, join(scratch, 'jobs')), uri)
  expect(await readdir(join(scratch, 'jobs'))).toEqual([])
  // What the next job is likely to open is on this machine already.
  expect(await readdir(join(scratch, 'adloom-cache', 'artifacts'))).toEqual([digest.slice('sha256:'.length)])
  const again = await runJob(datasetJob(), uri, join(scratch, 'jobs'))
  expect(again).toMatchObject({ outcome: { reused: true, artifact: { digest } } })
})

test('a job that cannot reach the store says so as the reason of its failure', async (context) => {
  server(context)
  const end = await runJob(datasetJob(), 's3://no-such-bucket', await temporaryFolder())
  expect(end).toMatchObject({ failure: { reason: 'StoreNotFound', retryable: true } })
})

const answer = (credentials: Record<string, string>) => `<AssumeRoleWithWebIdentityResponse>
<AssumeRoleWithWebIdentityResult><Credentials>${Object.entries(credentials)
  .map(([name, value]) => `<${name}>${value}</${name}>`)
  .join('')}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

test('a job gets its credentials for the token of its service account', async (context) => {
  const { createBucket, environment } = server(context)
  const uri = `s3://${await createBucket()}/store`
  const asked: string[] = []
  // Hands out the server's own credentials, without a session token, for this S3 server knows of no sessions.
  const tokens = createServer(async (request, response) => {
    asked.push(await text(request))
    response.setHeader('content-type', 'text/xml')
    response.end(
      answer({
        AccessKeyId: environment.AWS_ACCESS_KEY_ID ?? '',
        SecretAccessKey: environment.AWS_SECRET_ACCESS_KEY ?? '',
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      }),
    )
  })
  await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void tokens.close())
  const address = tokens.address()
  const file = join(await temporaryFolder(), 'token')
  await writeFile(file, 'token-of-the-service-account')
  delete process.env.AWS_ACCESS_KEY_ID
  delete process.env.AWS_SECRET_ACCESS_KEY
  const identity = {
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/adloom',
    AWS_WEB_IDENTITY_TOKEN_FILE: file,
    AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
  }
  Object.assign(process.env, identity)
  const end = await runJob(datasetJob(), uri, await temporaryFolder())
  for (const name of Object.keys(identity)) delete process.env[name]
  Object.assign(process.env, environment)
  await expectPublished(end, uri)
  expect(asked[0]).toContain('token-of-the-service-account')
})
