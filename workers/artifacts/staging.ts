/** Folders that become visible whole or not at all. */
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { asStoreError, errorCode } from './errors.ts'
import { type Filesystem, syncFolder } from './filesystem.ts'
import type { Layout } from './layout.ts'

/**
 * Runs `fill` in a fresh staging folder and removes that folder whatever happens, unless `fill` has moved it away.
 * A full disk becomes a StoreFullError, wherever in `fill` it struck.
 */
export async function withStaging<T>(
  filesystem: Filesystem,
  layout: Pick<Layout, 'root' | 'staging'>,
  fill: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = join(layout.staging, randomUUID())
  try {
    await filesystem.mkdir(folder, { recursive: true })
    return await fill(folder)
  } catch (error) {
    throw asStoreError(error, layout.root)
  } finally {
    await filesystem.rm(folder, { recursive: true, force: true })
  }
}

/** Renames a sealed folder to its final place. False when another one already stands there. */
export async function moveIntoPlace(filesystem: Filesystem, folder: string, place: string): Promise<boolean> {
  const created = await filesystem.mkdir(dirname(place), { recursive: true })
  if (created !== undefined) await syncFolder(filesystem, dirname(created))
  try {
    await filesystem.rename(folder, place)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
  await syncFolder(filesystem, dirname(place))
  return true
}

/** Moves a folder out of sight in one step, so that nobody meets it half deleted; returns its new place. */
export async function moveAside(filesystem: Filesystem, folder: string, to: string): Promise<string | undefined> {
  const place = join(to, randomUUID())
  await filesystem.mkdir(to, { recursive: true })
  try {
    await filesystem.rename(folder, place)
    return place
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
