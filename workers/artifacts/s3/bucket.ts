/** The few operations on objects that the store needs, below one prefix of one bucket. */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { asAccessError, statusOf } from './access-error.ts'
import { parseS3Uri, type S3Location, type S3Server, serverOf } from './location.ts'
import { type Connection, connect } from './sdk.ts'
import { uploadFile } from './upload.ts'

export interface S3Object {
  /** Below the prefix. */
  key: string
  /** Bytes. */
  size: number
  /** Milliseconds since 1970, by the server's clock. */
  modified: number
  etag: string | undefined
}

export interface Downloaded {
  sha256: string
  size: number
}

export interface DownloadOptions {
  /** Only this version of the object. @throws ObjectChangedError else */
  etag?: string | undefined
  signal?: AbortSignal | undefined
}

/** An object is not, or no longer, the one that was listed. */
export class ObjectChangedError extends Error {
  constructor(key: string) {
    super(`The object ${JSON.stringify(key)} was replaced while it was read`)
    this.name = 'ObjectChangedError'
  }
}

const ATTEMPTS = 4
const DELETE_BATCH = 1000

export class Bucket {
  readonly location: S3Location
  readonly #server: S3Server
  #connection: Promise<Connection> | undefined

  /** @throws InvalidNameError when the URI is none */
  constructor(uri: string, environment: NodeJS.ProcessEnv = process.env) {
    this.location = parseS3Uri(uri)
    this.#server = serverOf(environment)
  }

  /** A small object; undefined when absent. */
  async read(key: string): Promise<string | undefined> {
    return this.#attempt('GetObject', key, async ({ sdk, client }) => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand(this.#at(key)))
        return await Body?.transformToString()
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw error
      }
    })
  }

  async write(key: string, body: string): Promise<void> {
    await this.#attempt('PutObject', key, ({ sdk, client }) =>
      client.send(new sdk.PutObjectCommand({ ...this.#at(key), Body: body })),
    )
  }

  /**
   * Writes an object unless one of its name is there, and says whether it did. `body` must differ from what others may
   * write: where an answer is lost and the request repeated, it tells our own object from another's.
   */
  async writeIfAbsent(key: string, body: string): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#putIfAbsent(key, body)
      if (outcome === 'Written') return true
      if (outcome === 'Present') return (await this.read(key)) === body
      // Two writers at once: the server wants one of them to come again.
      if (outcome === 'Unsupported' || attempt === ATTEMPTS) break
      await sleep(50 * attempt)
    }
    const present = await this.read(key)
    if (present !== undefined) return present === body
    await this.write(key, body)
    return true
  }

  #putIfAbsent(key: string, body: string): Promise<'Written' | 'Present' | 'Conflict' | 'Unsupported'> {
    return this.#attempt('PutObject', key, async ({ sdk, client }) => {
      try {
        await client.send(new sdk.PutObjectCommand({ ...this.#at(key), Body: body, IfNoneMatch: '*' }))
        return 'Written'
      } catch (error) {
        const status = statusOf(error)
        if (status === 412) return 'Present'
        if (status === 409) return 'Conflict'
        if (status === 501) return 'Unsupported'
        throw error
      }
    })
  }

  /** A file of any size, with at most 48 MiB of it in memory. */
  async upload(key: string, path: string): Promise<void> {
    await this.#attempt('PutObject', key, (connection) => uploadFile(connection, this.#at(key), path))
  }

  /** Streams an object into a new file; undefined when absent. A broken connection is tried again. */
  async download(key: string, path: string, options: DownloadOptions = {}): Promise<Downloaded | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt('GetObject', key, () => this.#downloadOnce(key, path, options))
      } catch (error) {
        options.signal?.throwIfAborted()
        const mayMend = error instanceof Error && 'reason' in error && error.reason === 'StoreUnreachable'
        if (!mayMend || attempt === ATTEMPTS) throw error
      }
    }
  }

  async #downloadOnce(key: string, path: string, { etag, signal }: DownloadOptions): Promise<Downloaded | undefined> {
    const { sdk, client } = await this.#connect()
    const request = { ...this.#at(key), ...(etag === undefined ? {} : { IfMatch: etag }) }
    let body: unknown
    try {
      body = (await client.send(new sdk.GetObjectCommand(request), signal ? { abortSignal: signal } : {})).Body
    } catch (error) {
      if (isAbsent(error)) return undefined
      if (statusOf(error) === 412) throw new ObjectChangedError(key)
      throw error
    }
    if (!(body instanceof Readable)) throw new Error(`S3 gave no stream for ${key}`)
    const hash = createHash('sha256')
    let size = 0
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        size += chunk.length
        yield chunk
      }
    }
    await pipeline(body, count, createWriteStream(path), signal ? { signal } : {})
    return { sha256: hash.digest('hex'), size }
  }

  /** All objects whose keys begin so, in the order of their keys. */
  async *list(prefix: string): AsyncGenerator<S3Object> {
    let token: string | undefined
    do {
      const page = await this.#attempt('ListObjectsV2', prefix, ({ sdk, client }) => {
        const { Bucket, Key } = this.#at(prefix)
        return client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: Key, ContinuationToken: token }))
      })
      for (const { Key = '', Size = 0, LastModified, ETag } of page.Contents ?? []) {
        const key = Key.slice(this.location.prefix.length)
        yield { key, size: Size, modified: LastModified?.getTime() ?? 0, etag: ETag || undefined }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += DELETE_BATCH) {
      const batch = keys.slice(from, from + DELETE_BATCH)
      const answer = await this.#attempt('DeleteObjects', batch[0] ?? '', ({ sdk, client }) => {
        const Objects = batch.map((key) => ({ Key: this.#at(key).Key }))
        const { bucket } = this.location
        return client.send(new sdk.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }))
      })
      const [failed] = answer.Errors ?? []
      if (failed === undefined) continue
      const error = Object.assign(new Error(), { name: failed.Code ?? 'Unknown', $metadata: { httpStatusCode: 200 } })
      throw this.#explain(error, 'DeleteObject', failed.Key ?? '')
    }
  }

  /** Ends multipart uploads below a prefix that began before a time (milliseconds since 1970): their writers died. */
  async abortUploads(prefix: string, before: number): Promise<void> {
    const { uri, bucket } = this.location
    let markers: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
    while (markers !== undefined) {
      const page = await this.#attempt('ListMultipartUploads', uri, ({ sdk, client }) =>
        client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: this.#at(prefix).Key, ...markers })),
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Initiated === undefined || Initiated.getTime() > before) continue
        await this.#attempt('AbortMultipartUpload', Key ?? '', ({ sdk, client }) =>
          client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })),
        )
      }
      markers = page.IsTruncated
        ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
        : undefined
    }
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.location.bucket, Key: this.location.prefix + key }
  }

  #connect(): Promise<Connection> {
    this.#connection ??= connect(this.#server, ATTEMPTS)
    return this.#connection
  }

  async #attempt<T>(operation: string, key: string, act: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await act(await this.#connect())
    } catch (error) {
      throw this.#explain(error, operation, key)
    }
  }

  #explain(error: unknown, operation: string, key: string): unknown {
    return asAccessError(error, { operation, key, location: this.location, server: this.#server })
  }
}

/** A missing bucket is no absent object. */
const isAbsent = (error: unknown): boolean => error instanceof Error && error.name === 'NoSuchKey'
