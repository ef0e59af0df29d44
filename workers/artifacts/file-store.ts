/** The artifact store on a file system: a local folder, or a volume that several Pods mount. */
import { randomUUID } from 'node:crypto'
import * as nodeFilesystem from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { openCheckpoints } from './checkpoints.ts'
import { type Digest, digestOfBytes, hexOf } from './digest.ts'
import { ArtifactNotFoundError, asStoreError, CorruptArtifactError, errorCode } from './errors.ts'
import { type Filesystem, replaceFile } from './filesystem.ts'
import { collectGarbage } from './garbage.ts'
import { type Layout, layoutOf } from './layout.ts'
import { openLedger } from './ledger.ts'
import { fileAccess, MANIFEST_FILE, sealArtifact, sizeOfFiles, verifyFiles } from './manifest.ts'
import { moveAside, moveIntoPlace, withStaging } from './staging.ts'
import type {
  Artifact,
  ArtifactReference,
  ArtifactStat,
  ArtifactStore,
  ArtifactWriter,
  Manifest,
  PublishRequest,
} from './store.ts'

export interface FileStoreOptions {
  filesystem?: Filesystem
}

/** @param location an absolute path or a `file:///` URI */
export function openFileStore(location: string, options: FileStoreOptions = {}): ArtifactStore {
  const root = location.startsWith('file:') ? fileURLToPath(location) : resolve(location)
  const filesystem = options.filesystem ?? nodeFilesystem
  const layout = layoutOf(root)
  return {
    uri: pathToFileURL(root).href,
    publish: (request, write) => publish(filesystem, layout, request, write),
    open: (digest) => open(filesystem, layout, digest),
    stat: (digest) => stat(filesystem, layout, digest),
    quarantine: async (digest) => {
      await moveAside(filesystem, layout.artifact(digest), layout.quarantine)
    },
    findByInput: (namespace, inputDigest) => findByInput(filesystem, layout, namespace, inputDigest),
    recordInput: (namespace, inputDigest, digest) => recordInput(filesystem, layout, namespace, inputDigest, digest),
    checkpoints: (namespace, inputDigest) => openCheckpoints(filesystem, layout, namespace, inputDigest),
    ledger: openLedger(filesystem, layout),
    collectGarbage: (request) => collectGarbage(filesystem, layout, request),
  }
}

async function publish(
  filesystem: Filesystem,
  layout: Layout,
  request: PublishRequest,
  write: ArtifactWriter,
): Promise<ArtifactReference> {
  hexOf(request.inputDigest)
  return withStaging(filesystem, layout, async (folder) => {
    const { digest, manifest } = await sealArtifact(filesystem, folder, request, write)
    await claimPlace(filesystem, layout, digest, folder)
    return referenceTo(layout, digest, manifest)
  })
}

/** Puts a sealed folder in its place. The first of several equal ones wins; a damaged one yields to us. */
async function claimPlace(filesystem: Filesystem, layout: Layout, digest: Digest, folder: string): Promise<void> {
  const place = layout.artifact(digest)
  // Two rounds suffice: after the damaged one has gone, whoever comes before us has just published sound bytes.
  for (let round = 0; round < 2; round++) {
    if (await moveIntoPlace(filesystem, folder, place)) return
    if (await isSound(filesystem, layout, digest)) return touch(filesystem, place)
    await moveAside(filesystem, place, layout.quarantine)
  }
  if (!(await moveIntoPlace(filesystem, folder, place))) await open(filesystem, layout, digest)
}

async function isSound(filesystem: Filesystem, layout: Layout, digest: Digest): Promise<boolean> {
  try {
    await open(filesystem, layout, digest)
    return true
  } catch (error) {
    if (error instanceof CorruptArtifactError || error instanceof ArtifactNotFoundError) return false
    throw error
  }
}

/** Garbage collection spares what is young: whoever found this artifact is about to refer to it. */
async function touch(filesystem: Filesystem, place: string): Promise<void> {
  const now = new Date()
  try {
    await filesystem.utimes(place, now, now)
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENOENT' && code !== 'EROFS' && code !== 'EPERM' && code !== 'EACCES') throw error
  }
}

async function readManifest(filesystem: Filesystem, layout: Layout, digest: string): Promise<Manifest> {
  const folder = layout.artifact(digest)
  let bytes: Buffer
  try {
    if (!(await filesystem.lstat(folder)).isDirectory()) throw new ArtifactNotFoundError(digest, layout.root)
    bytes = await filesystem.readFile(join(folder, MANIFEST_FILE))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new ArtifactNotFoundError(digest, layout.root)
    throw error
  }
  const actual = digestOfBytes(bytes)
  if (actual !== digest) {
    throw new CorruptArtifactError({ digest, file: MANIFEST_FILE, expected: digest, actual }, folder)
  }
  return JSON.parse(bytes.toString('utf8'))
}

async function open(filesystem: Filesystem, layout: Layout, digest: string): Promise<Artifact> {
  const manifest = await readManifest(filesystem, layout, digest)
  const folder = layout.artifact(digest)
  await verifyFiles(filesystem, folder, manifest.files, { digest })
  return { digest: digest as Digest, manifest, ...fileAccess(filesystem, folder, manifest.files) }
}

async function stat(filesystem: Filesystem, layout: Layout, digest: string): Promise<ArtifactStat | undefined> {
  try {
    const manifest = await readManifest(filesystem, layout, digest)
    await verifyFiles(filesystem, layout.artifact(digest), manifest.files, { digest, sizesOnly: true })
    return { ...referenceTo(layout, digest as Digest, manifest), manifest }
  } catch (error) {
    if (error instanceof ArtifactNotFoundError || error instanceof CorruptArtifactError) return undefined
    throw error
  }
}

function referenceTo(layout: Layout, digest: Digest, manifest: Manifest): ArtifactReference {
  return { digest, uri: pathToFileURL(layout.artifact(digest)).href, sizeBytes: sizeOfFiles(manifest.files) }
}

async function findByInput(
  filesystem: Filesystem,
  layout: Layout,
  namespace: string,
  inputDigest: string,
): Promise<ArtifactStat | undefined> {
  const digest = await readIndex(filesystem, layout.index(namespace, inputDigest))
  const found = digest === undefined ? undefined : await stat(filesystem, layout, digest)
  if (found?.manifest.inputDigest !== inputDigest) return undefined
  await touch(filesystem, layout.artifact(found.digest))
  return found
}

async function readIndex(filesystem: Filesystem, path: string): Promise<string | undefined> {
  let text: string
  try {
    text = await filesystem.readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  const digest = text.trim()
  return /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined
}

async function recordInput(
  filesystem: Filesystem,
  layout: Layout,
  namespace: string,
  inputDigest: string,
  digest: string,
): Promise<void> {
  hexOf(digest)
  try {
    await replaceFile(filesystem, layout.index(namespace, inputDigest), `${digest}\n`, randomUUID())
  } catch (error) {
    throw asStoreError(error, layout.root)
  }
}
