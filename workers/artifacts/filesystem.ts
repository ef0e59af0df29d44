/** The part of node:fs/promises that the store uses, so that tests can make it fail at any call. */
import type * as nodeFilesystem from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { errorCode } from './errors.ts'

export type Filesystem = Pick<
  typeof nodeFilesystem,
  'lstat' | 'mkdir' | 'open' | 'readFile' | 'readdir' | 'realpath' | 'rename' | 'rm' | 'utimes'
>

/** A rename, or a new file's name, survives a power cut only once its folder is flushed too. */
export async function syncFolder(filesystem: Filesystem, folder: string): Promise<void> {
  const handle = await filesystem.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function syncFile(filesystem: Filesystem, path: string): Promise<void> {
  // Opened for writing: some systems refuse to flush a read-only handle.
  const handle = await filesystem.open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function writeSynced(filesystem: Filesystem, path: string, contents: string): Promise<void> {
  const handle = await filesystem.open(path, 'w')
  try {
    await handle.writeFile(contents)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Replaces a small file so that a reader sees the old or the new contents, never a part. */
export async function replaceFile(
  filesystem: Filesystem,
  path: string,
  contents: string,
  suffix: string,
): Promise<void> {
  const temporary = `${path}.${suffix}.tmp`
  await filesystem.mkdir(dirname(path), { recursive: true })
  try {
    await writeSynced(filesystem, temporary, contents)
    await filesystem.rename(temporary, path)
  } catch (error) {
    await filesystem.rm(temporary, { force: true })
    throw error
  }
  await syncFolder(filesystem, dirname(path))
}

/** Names in a folder, sorted; none when it is absent. */
export async function namesIn(filesystem: Filesystem, folder: string): Promise<string[]> {
  try {
    return (await filesystem.readdir(folder)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

export interface FolderListing {
  /** Relative paths of regular files, forward slashes, sorted. */
  files: string[]
  /** Relative paths of folders, deepest last. */
  folders: string[]
  /** Anything else: symbolic links, sockets, devices. */
  others: string[]
}

/** Everything below a folder, symbolic links not followed. */
export async function listFolder(filesystem: Filesystem, root: string): Promise<FolderListing> {
  const entries = await filesystem.readdir(root, { recursive: true, withFileTypes: true })
  const listing: FolderListing = { files: [], folders: [], others: [] }
  for (const entry of entries) {
    const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')
    if (entry.isFile()) listing.files.push(path)
    else if (entry.isDirectory()) listing.folders.push(path)
    else listing.others.push(path)
  }
  listing.files.sort()
  listing.folders.sort()
  return listing
}
