import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3Server } from './location.ts'

export interface Connection {
  sdk: typeof import('@aws-sdk/client-s3')
  client: S3Client
}

const CONNECTION_TIMEOUT = 5000
const SILENCE_TIMEOUT = 60_000

/** The SDK is loaded when first used: who works on files alone does not wait for it. Credentials: its default chain. */
export async function connect(server: S3Server, attempts: number): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-s3')
  const config: S3ClientConfig = {
    ...(server.region === undefined ? {} : { region: server.region }),
    forcePathStyle: server.pathStyle,
    followRegionRedirects: true,
    maxAttempts: attempts,
    // We compare digests of our own, and say which file is damaged.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT, socketTimeout: SILENCE_TIMEOUT },
  }
  return { sdk, client: new sdk.S3Client(config) }
}
