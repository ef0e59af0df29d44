/** Removing from a bucket what nobody refers to. Age is when an object was last written, by the server's clock. */
import { type Digest, isDigest } from '../digest.ts'
import type { Collected, GarbageCollection } from '../store.ts'
import type { Bucket, S3Object } from './bucket.ts'
import { mapAtOnce } from './concurrency.ts'
import {
  ARTIFACTS,
  artifactFolder,
  CHECKPOINTS,
  INDEXES,
  indexKey,
  publishedKey,
  QUARANTINE,
  quarantinedUpload,
  usedKey,
} from './keys.ts'

const READS_AT_ONCE = 16

export async function collectS3Garbage(bucket: Bucket, request: GarbageCollection): Promise<Collected> {
  const collected: Collected = { artifacts: [], folders: [], checkpoints: [], bytes: 0 }
  const quarantined = await collectQuarantine(bucket, request, collected)
  await collectCheckpoints(bucket, request, collected)
  for await (const objects of groupsOf(bucket, ARTIFACTS, 3)) {
    const [, , hex = ''] = objects[0].key.split('/')
    const digest: Digest = `sha256:${hex}`
    if (!isDigest(digest)) continue
    const kept = quarantined.get(hex) ?? new Set()
    if (objects.some(({ key }) => key === publishedKey(digest)))
      await collectArtifact(bucket, { request, collected, digest, objects, kept })
    else await collectUploads(bucket, { request, collected, digest, objects, kept })
  }
  await dropDanglingIndexes(bucket, new Set(collected.artifacts))
  await bucket.abortUploads('', request.now - request.olderThan)
  return collected
}

/** Objects of one artifact. */
interface Group {
  request: GarbageCollection
  collected: Collected
  digest: Digest
  objects: readonly S3Object[]
  /** Uploads that are quarantined and too young to go. */
  kept: ReadonlySet<string>
}

/** Removes old records of the quarantine; gives the uploads of the young ones by artifact. */
async function collectQuarantine(
  bucket: Bucket,
  request: GarbageCollection,
  collected: Collected,
): Promise<Map<string, Set<string>>> {
  const kept = new Map<string, Set<string>>()
  const gone: string[] = []
  for await (const object of bucket.list(QUARANTINE)) {
    const found = quarantinedUpload(object.key)
    if (isOld(object, request)) gone.push(object.key)
    else if (found) kept.set(found.hex, (kept.get(found.hex) ?? new Set()).add(found.upload))
  }
  await bucket.remove(gone)
  collected.folders.push(...gone.map((key) => key.slice(QUARANTINE.length)))
  return kept
}

async function collectCheckpoints(bucket: Bucket, request: GarbageCollection, collected: Collected): Promise<void> {
  for await (const objects of groupsOf(bucket, CHECKPOINTS, 3)) {
    const [, namespace = '', hex] = objects[0].key.split('/')
    const inputDigest = `sha256:${hex}`
    if (!isDigest(inputDigest) || !objects.every((object) => isOld(object, request))) continue
    const isActive = request.isActiveInput
      ? request.isActiveInput(namespace, inputDigest)
      : (await bucket.read(indexKey(namespace, inputDigest))) === undefined
    if (isActive) continue
    await removeAll(bucket, objects, collected)
    collected.checkpoints.push(`${namespace}/${inputDigest}`)
  }
}

async function collectArtifact(bucket: Bucket, group: Group): Promise<void> {
  const { request, collected, digest, objects } = group
  const marks = [publishedKey(digest), usedKey(digest)]
  const isIdle = (listed: readonly S3Object[]) =>
    listed.filter(({ key }) => marks.includes(key)).every((object) => isOld(object, request))
  if (request.isReferenced(digest) || !isIdle(objects)) return collectUploads(bucket, group)
  // A long list is old news by now.
  const now: S3Object[] = []
  for await (const object of bucket.list(artifactFolder(digest))) now.push(object)
  if (!isIdle(now)) return
  await bucket.remove([publishedKey(digest)])
  // Who publishes it again at this moment does so under another upload, which is young.
  await removeAll(
    bucket,
    now.filter((object) => isOld(object, request) && !isKept(object, group)),
    collected,
  )
  collected.artifacts.push(digest)
}

/** Uploads that no `published` names: their writers died, lost, or were put in quarantine. */
async function collectUploads(bucket: Bucket, group: Group): Promise<void> {
  const { request, collected, digest, objects } = group
  const uploads = Map.groupBy(objects.filter(isInUpload), uploadOf)
  if (uploads.size === 0) return
  const current = (await bucket.read(publishedKey(digest)))?.split('\n', 1)[0]
  for (const [upload, files] of uploads) {
    if (upload === current || group.kept.has(upload) || !files.every((object) => isOld(object, request))) continue
    await removeAll(bucket, files, collected)
    collected.folders.push(upload)
  }
}

const isInUpload = ({ key }: S3Object): boolean => key.split('/').length > 4
const uploadOf = ({ key }: S3Object): string => key.split('/')[3] ?? ''
const isKept = (object: S3Object, { kept }: Group): boolean => isInUpload(object) && kept.has(uploadOf(object))

async function dropDanglingIndexes(bucket: Bucket, gone: ReadonlySet<string>): Promise<void> {
  if (gone.size === 0) return
  const keys: string[] = []
  for await (const { key } of bucket.list(INDEXES)) keys.push(key)
  const digests = await mapAtOnce(keys, READS_AT_ONCE, (key) => bucket.read(key))
  await bucket.remove(keys.filter((_, index) => gone.has(digests[index]?.trim() ?? '')))
}

async function removeAll(bucket: Bucket, objects: readonly S3Object[], collected: Collected): Promise<void> {
  await bucket.remove(objects.map(({ key }) => key))
  collected.bytes += objects.reduce((sum, { size }) => sum + size, 0)
}

const isOld = ({ modified }: S3Object, { now, olderThan }: GarbageCollection): boolean => now - modified >= olderThan

/** Objects whose keys share their first parts, group by group; the order of a listing keeps them together. */
async function* groupsOf(bucket: Bucket, prefix: string, parts: number): AsyncGenerator<[S3Object, ...S3Object[]]> {
  let group: [S3Object, ...S3Object[]] | undefined
  const nameOf = ({ key }: S3Object): string => key.split('/', parts).join('/')
  for await (const object of bucket.list(prefix)) {
    if (group && nameOf(group[0]) === nameOf(object)) group.push(object)
    else {
      if (group) yield group
      group = [object]
    }
  }
  if (group) yield group
}
