/** Describing a folder by the digests of its files, and checking it against that description. */
import { createHash } from 'node:crypto'
import { join, sep } from 'node:path'
import { canonicalJson, type Digest, digestOfBytes } from './digest.ts'
import { CorruptArtifactError, errorCode, InvalidNameError } from './errors.ts'
import { type Filesystem, listFolder, syncFile, syncFolder, writeSynced } from './filesystem.ts'
import { checkedFilePath } from './names.ts'
import type { ArtifactWriter, Manifest, ManifestFile, PublishRequest } from './store.ts'

export const MANIFEST_FILE = 'manifest.json'
export const PROVENANCE_FILE = 'provenance.json'

/** SHA-256 and size of a file, read as a stream. */
export async function hashFile(
  filesystem: Pick<Filesystem, 'open'>,
  path: string,
  signal?: AbortSignal,
): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256')
  const handle = await filesystem.open(path, 'r')
  let size = 0
  try {
    const buffer = Buffer.allocUnsafe(1 << 18)
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await handle.read(buffer, 0, buffer.length)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      size += bytesRead
    }
  } finally {
    await handle.close()
  }
  return { sha256: hash.digest('hex'), size }
}

/** Flushes every file and folder below `folder` to disk and lists the files with their digests. */
export async function sealFolder(filesystem: Filesystem, folder: string): Promise<ManifestFile[]> {
  const listing = await listFolder(filesystem, folder)
  const stray = listing.others[0]
  if (stray !== undefined) {
    throw new InvalidNameError('file in an artifact', stray, 'only regular files, no links or devices')
  }
  const files: ManifestFile[] = []
  for (const path of listing.files) {
    checkedFilePath(path)
    if (path === MANIFEST_FILE || path === PROVENANCE_FILE) {
      throw new InvalidNameError('file name in an artifact', path, 'the store itself writes a file of this name')
    }
    const absolute = join(folder, path)
    await syncFile(filesystem, absolute)
    const { sha256, size } = await hashFile(filesystem, absolute)
    files.push({ path, size, sha256 })
  }
  for (const inner of listing.folders.reverse()) await syncFolder(filesystem, join(folder, inner))
  return files
}

export interface SealedArtifact {
  manifest: Manifest
  /** The bytes of the manifest, which give the digest. */
  text: string
  digest: Digest
}

/** Describes what a writer left in a folder, and writes its provenance and its manifest beside it. */
export async function sealArtifact(
  filesystem: Filesystem,
  folder: string,
  request: PublishRequest,
  write: ArtifactWriter,
): Promise<SealedArtifact> {
  const added = await write(folder)
  const files = await sealFolder(filesystem, folder)
  const manifest: Manifest = {
    schemaVersion: 1,
    kind: request.kind,
    inputDigest: request.inputDigest,
    createdBy: request.createdBy ?? {},
    files,
    metadata: { ...request.metadata, ...added },
  }
  const text = canonicalJson(manifest)
  await writeSynced(filesystem, join(folder, PROVENANCE_FILE), canonicalJson(request.provenance ?? {}))
  await writeSynced(filesystem, join(folder, MANIFEST_FILE), text)
  await syncFolder(filesystem, folder)
  return { manifest, text, digest: digestOfBytes(text) }
}

/** Bytes of all files of an artifact. */
export const sizeOfFiles = (files: readonly ManifestFile[]): number => files.reduce((sum, file) => sum + file.size, 0)

export interface VerifyOptions {
  /** What the folder is called in errors. */
  digest: string
  /** Only compare sizes: for a quick look, where a later open verifies all. */
  sizesOnly?: boolean
}

/** @throws CorruptArtifactError naming the first file that is not as listed */
export async function verifyFiles(
  filesystem: Filesystem,
  folder: string,
  files: readonly ManifestFile[],
  options: VerifyOptions,
): Promise<void> {
  const realFolder = await filesystem.realpath(folder)
  for (const file of files) {
    const actual = await describeFile(filesystem, realFolder, file, options.sizesOnly === true)
    if (actual !== undefined) {
      const expected = `sha256 ${file.sha256} (${file.size} bytes)`
      throw new CorruptArtifactError({ digest: options.digest, file: file.path, expected, actual }, folder)
    }
  }
}

/** Undefined when the file is as listed, else what it is instead. */
async function describeFile(
  filesystem: Filesystem,
  realFolder: string,
  file: ManifestFile,
  sizesOnly: boolean,
): Promise<string | undefined> {
  const path = join(realFolder, checkedFilePath(file.path))
  try {
    const status = await filesystem.lstat(path)
    if (!status.isFile()) return 'no regular file'
    if (!(await filesystem.realpath(path)).startsWith(realFolder + sep)) return 'outside the artifact'
    if (status.size !== file.size) return `${status.size} bytes long`
    if (sizesOnly) return undefined
    const { sha256 } = await hashFile(filesystem, path)
    return sha256 === file.sha256 ? undefined : `sha256 ${sha256}`
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing'
    throw error
  }
}

/** Access to the files that a verified folder lists, and to no other. */
export function fileAccess(
  filesystem: Filesystem,
  folder: string,
  files: readonly ManifestFile[],
): { path(file: string): string; readFile(file: string): Promise<Buffer> } {
  const known = new Set(files.map((file) => file.path))
  const path = (file: string): string => {
    if (known.has(file)) return join(folder, file)
    throw new InvalidNameError('file of an artifact', file, `it has: ${[...known].slice(0, 30).join(', ')}`)
  }
  return { path, readFile: (file) => filesystem.readFile(path(file)) }
}
