/** Finished log files in the store: no artifacts, as they have no digest of their own; Datasets read them by a glob. */

import * as nodeFilesystem from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { namesIn, syncFile, syncFolder } from './filesystem.ts'
import { layoutOf } from './layout.ts'
import { checkedFilePath } from './names.ts'
import { Bucket } from './s3/bucket.ts'
import { withStaging } from './staging.ts'

export interface LogStore {
  /**
   * Puts a copy of the file under `key`, whole or not at all. Again with the same key and bytes it changes nothing, so
   * it can be repeated when its answer was lost.
   * @throws StoreFullError, InvalidNameError
   */
  publish(key: string, file: string): Promise<void>
  /**
   * Removes what lies in folders of days, `FOLDER/YYYY-MM-DD/...`, before a day; other names stay.
   * @returns the days that it removed
   */
  removeDays(folder: string, before: string): Promise<string[]>
}

const dayName = /^\d{4}-\d\d-\d\d$/

/** @param location of the artifact store: an absolute path, a `file:///` URI or `s3://bucket/prefix` */
export function openLogStore(location: string): LogStore {
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(location)?.[1] ?? 'file'
  if (scheme === 's3') {
    const bucket = new Bucket(location)
    return {
      publish: (key, file) => bucket.upload(checkedFilePath(key), file),
      removeDays: (folder, before) => removeObjects(bucket, `${checkedFilePath(folder)}/`, before),
    }
  }
  if (scheme !== 'file')
    throw new Error(
      `logs cannot be written into a store of ${scheme}:; use file: or s3:, or leave spec.serving.feedback out`,
    )
  const root = location.startsWith('file:') ? fileURLToPath(location) : resolve(location)
  return {
    publish: (key, file) => publish(root, key, file),
    removeDays: (folder, before) => removeFolders(join(root, checkedFilePath(folder)), before),
  }
}

async function removeFolders(home: string, before: string): Promise<string[]> {
  const days = (await namesIn(nodeFilesystem, home)).filter((name) => dayName.test(name) && name < before)
  for (const day of days) await nodeFilesystem.rm(join(home, day), { recursive: true, force: true })
  return days
}

async function removeObjects(bucket: Bucket, prefix: string, before: string): Promise<string[]> {
  const keys: string[] = []
  const days = new Set<string>()
  for await (const { key } of bucket.list(prefix)) {
    const [day = ''] = key.slice(prefix.length).split('/')
    // Keys come in their order.
    if (day >= before) break
    if (!dayName.test(day)) continue
    keys.push(key)
    days.add(day)
  }
  await bucket.remove(keys)
  return [...days]
}

async function publish(root: string, key: string, file: string): Promise<void> {
  const place = join(root, checkedFilePath(key))
  await withStaging(nodeFilesystem, layoutOf(root), async (folder) => {
    const copy = join(folder, 'log')
    await nodeFilesystem.copyFile(file, copy)
    await syncFile(nodeFilesystem, copy)
    const created = await nodeFilesystem.mkdir(dirname(place), { recursive: true })
    if (created !== undefined) await syncFolder(nodeFilesystem, dirname(created))
    await nodeFilesystem.rename(copy, place)
    await syncFolder(nodeFilesystem, dirname(place))
  })
}
