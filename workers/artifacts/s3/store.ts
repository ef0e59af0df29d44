/** The artifact store in a bucket of an S3 server. What lies where: keys.ts. */
import { randomUUID } from 'node:crypto'
import * as filesystem from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Digest, digestOfBytes, hexOf, isDigest } from '../digest.ts'
import { ArtifactNotFoundError, CorruptArtifactError } from '../errors.ts'
import { fileAccess, PROVENANCE_FILE, sealArtifact, sizeOfFiles } from '../manifest.ts'
import { checkedFilePath } from '../names.ts'
import { withStaging } from '../staging.ts'
import type {
  Artifact,
  ArtifactReference,
  ArtifactStat,
  ArtifactStore,
  ArtifactWriter,
  Manifest,
  ManifestFile,
  PublishRequest,
} from '../store.ts'
import { Bucket } from './bucket.ts'
import { openS3Checkpoints } from './checkpoints.ts'
import { collectS3Garbage } from './garbage.ts'
import { artifactFolder, indexKey, publishedKey, quarantineKey, uploadFolder, usedKey } from './keys.ts'
import { openS3Ledger } from './ledger.ts'
import { LocalCache } from './local-cache.ts'
import { localRoot, newWorkspace } from './workspace.ts'

export interface S3StoreOptions {
  /** Where this process or job keeps what it opens, removed by whoever made it; absent: for the life of the process. */
  scratch?: string | undefined
  /** Shared by all processes that name it. */
  cacheFolder?: string | undefined
  cacheLimitBytes?: number | undefined
  environment?: NodeJS.ProcessEnv | undefined
}

const GIBIBYTE = 2 ** 30
const DEFAULT_CACHE_GIBIBYTES = 20

/** @throws RangeError for what is no size */
function cacheLimitOf({ ADLOOM_CACHE_GIBIBYTES: text }: NodeJS.ProcessEnv): number {
  const gibibytes = text ? Number(text) : DEFAULT_CACHE_GIBIBYTES
  if (gibibytes >= 0) return gibibytes * GIBIBYTE
  throw new RangeError(`ADLOOM_CACHE_GIBIBYTES is ${JSON.stringify(text)}; give a number of GiB, 0 or more`)
}

/** @param uri `s3://bucket/prefix` @throws InvalidNameError */
export function openS3Store(uri: string, options: S3StoreOptions = {}): ArtifactStore {
  const store = new S3Store(uri, options)
  return {
    uri: store.bucket.location.uri,
    publish: (request, write) => store.publish(request, write),
    open: (digest) => store.open(digest),
    stat: (digest) => store.stat(digest),
    quarantine: (digest) => store.quarantine(digest),
    findByInput: (namespace, inputDigest) => store.findByInput(namespace, inputDigest),
    recordInput: (namespace, inputDigest, digest) => store.recordInput(namespace, inputDigest, digest),
    checkpoints: (namespace, inputDigest) =>
      openS3Checkpoints(store.bucket, () => store.newFolder(), namespace, inputDigest),
    ledger: openS3Ledger(store.bucket),
    collectGarbage: (request) => collectS3Garbage(store.bucket, request),
  }
}

/** What stands behind a digest. */
interface Published {
  upload: string
  manifest: Manifest
}

class S3Store {
  readonly bucket: Bucket
  readonly #cache: LocalCache
  readonly #options: S3StoreOptions
  readonly #environment: NodeJS.ProcessEnv

  constructor(uri: string, options: S3StoreOptions) {
    this.#options = options
    this.#environment = options.environment ?? process.env
    this.bucket = new Bucket(uri, this.#environment)
    this.#cache = new LocalCache({
      folder: options.cacheFolder ?? join(localRoot(this.#environment), 'adloom-cache'),
      limitBytes: options.cacheLimitBytes ?? cacheLimitOf(this.#environment),
    })
  }

  /** A path for a new folder of this process or job, its parent made. */
  async newFolder(): Promise<string> {
    const { scratch } = this.#options
    const folder = scratch === undefined ? await newWorkspace(this.#environment) : join(scratch, 's3', randomUUID())
    await filesystem.mkdir(dirname(folder), { recursive: true })
    return folder
  }

  async publish(request: PublishRequest, write: ArtifactWriter): Promise<ArtifactReference> {
    hexOf(request.inputDigest)
    const staging = await this.newFolder()
    try {
      return await withStaging(filesystem, { root: dirname(staging), staging }, async (folder) => {
        const { digest, manifest, text } = await sealArtifact(filesystem, folder, request, write)
        await this.#upload(digest, manifest.files, text, folder)
        // Whoever works on it next often works here.
        await this.#cache.adopt(digest, manifest.files, folder)
        return this.#reference(digest, manifest)
      })
    } finally {
      await filesystem.rm(staging, { recursive: true, force: true })
    }
  }

  /** Files first, under a name of their own; then the one object that makes them the artifact, unless there is one. */
  async #upload(digest: Digest, files: readonly ManifestFile[], manifest: string, folder: string): Promise<void> {
    const upload = randomUUID()
    const place = uploadFolder(digest, upload)
    const keys = [...files.map((file) => file.path), PROVENANCE_FILE]
    const discard = () => this.bucket.remove(keys.map((key) => place + key))
    let isOurs: boolean
    try {
      for (const key of keys) await this.bucket.upload(place + key, join(folder, key))
      isOurs = await this.#claim(digest, `${upload}\n${manifest}`)
    } catch (error) {
      // What cannot be removed now is removed by garbage collection.
      await discard().catch(() => undefined)
      throw error
    }
    if (isOurs) return
    await this.#touch(digest)
    await discard()
  }

  /** Whether our upload became the artifact. The first of several equal ones wins; a damaged one yields to us. */
  async #claim(digest: Digest, body: string): Promise<boolean> {
    for (let round = 0; round < 2; round++) {
      if (await this.bucket.writeIfAbsent(publishedKey(digest), body)) return true
      if (await this.#isSound(digest)) return false
      await this.quarantine(digest)
    }
    // After the damaged one has gone, whoever comes before us has just published sound bytes.
    return this.bucket.writeIfAbsent(publishedKey(digest), body)
  }

  /** Reads every byte that the server has, past the cache. */
  async #isSound(digest: string): Promise<boolean> {
    const folder = await this.newFolder()
    try {
      await filesystem.mkdir(folder)
      await this.#download(digest, await this.#published(digest), folder)
      return true
    } catch (error) {
      if (error instanceof CorruptArtifactError || error instanceof ArtifactNotFoundError) return false
      throw error
    } finally {
      await filesystem.rm(folder, { recursive: true, force: true })
    }
  }

  async open(digest: string): Promise<Artifact> {
    const published = await this.#published(digest)
    const { files } = published.manifest
    const view = await this.newFolder()
    await this.#cache.provide(digest, files, view, (folder) => this.#download(digest, published, folder))
    return { digest: digest as Digest, manifest: published.manifest, ...fileAccess(filesystem, view, files) }
  }

  /** @throws ArtifactNotFoundError, CorruptArtifactError */
  async #published(digest: string): Promise<Published> {
    const key = publishedKey(digest)
    const body = await this.bucket.read(key)
    if (body === undefined) throw new ArtifactNotFoundError(digest, this.bucket.location.uri)
    const end = body.indexOf('\n')
    const text = body.slice(end + 1)
    const actual = digestOfBytes(text)
    if (actual !== digest) {
      throw new CorruptArtifactError({ digest, file: 'published', expected: digest, actual }, this.#uriOf(digest))
    }
    return { upload: body.slice(0, end), manifest: JSON.parse(text) }
  }

  async #download(digest: string, { upload, manifest }: Published, folder: string): Promise<void> {
    for (const { path, size, sha256 } of manifest.files) {
      const target = join(folder, checkedFilePath(path))
      await filesystem.mkdir(dirname(target), { recursive: true })
      const found = await this.bucket.download(uploadFolder(digest, upload) + path, target)
      if (found?.sha256 === sha256) continue
      const expected = `sha256 ${sha256} (${size} bytes)`
      const actual = found === undefined ? 'missing' : `sha256 ${found.sha256} (${found.size} bytes)`
      throw new CorruptArtifactError({ digest, file: path, expected, actual }, this.#uriOf(digest))
    }
  }

  async stat(digest: string): Promise<ArtifactStat | undefined> {
    try {
      const { upload, manifest } = await this.#published(digest)
      const sizes = new Map<string, number>()
      const place = uploadFolder(digest, upload)
      for await (const { key, size } of this.bucket.list(place)) sizes.set(key.slice(place.length), size)
      const isWhole = manifest.files.every((file) => sizes.get(file.path) === file.size)
      return isWhole ? { ...this.#reference(digest as Digest, manifest), manifest } : undefined
    } catch (error) {
      if (error instanceof ArtifactNotFoundError || error instanceof CorruptArtifactError) return undefined
      throw error
    }
  }

  /** The files stay where they are, to be looked at, until garbage collection; nothing large is copied. */
  async quarantine(digest: string): Promise<void> {
    const key = publishedKey(digest)
    const body = await this.bucket.read(key)
    if (body === undefined) return
    const upload = /^[0-9a-f-]{36}(?=\n)/.exec(body)?.[0] ?? randomUUID()
    await this.bucket.write(quarantineKey(hexOf(digest), upload), body)
    await this.bucket.remove([key])
  }

  async findByInput(namespace: string, inputDigest: string): Promise<ArtifactStat | undefined> {
    const digest = (await this.bucket.read(indexKey(namespace, inputDigest)))?.trim()
    if (digest === undefined || !isDigest(digest)) return undefined
    const found = await this.stat(digest)
    if (found?.manifest.inputDigest !== inputDigest) return undefined
    await this.#touch(digest)
    return found
  }

  async recordInput(namespace: string, inputDigest: string, digest: string): Promise<void> {
    hexOf(digest)
    await this.bucket.write(indexKey(namespace, inputDigest), `${digest}\n`)
  }

  /** Garbage collection spares what is young: whoever found this artifact is about to refer to it. */
  async #touch(digest: string): Promise<void> {
    await this.bucket.write(usedKey(digest), '\n')
  }

  #uriOf(digest: string): string {
    return `${this.bucket.location.uri}/${artifactFolder(digest)}`.replace(/\/$/, '')
  }

  #reference(digest: Digest, manifest: Manifest): ArtifactReference {
    return { digest, uri: this.#uriOf(digest), sizeBytes: sizeOfFiles(manifest.files) }
  }
}
