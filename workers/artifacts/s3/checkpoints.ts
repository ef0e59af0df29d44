/** Checkpoints of a run in a bucket: files first, then the manifest that makes them count; the newest two steps stay. */
import { randomUUID } from 'node:crypto'
import * as filesystem from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KEPT_STEPS, parseRecord, type Record, recordText, STEP_DIGITS, stepName } from '../checkpoint-record.ts'
import { asStoreError } from '../errors.ts'
import { fileAccess, MANIFEST_FILE, sealFolder } from '../manifest.ts'
import { checkedFilePath } from '../names.ts'
import type { Checkpoint, Checkpoints } from '../store.ts'
import type { Bucket } from './bucket.ts'
import { checkpointsFolder } from './keys.ts'

/** @param newFolder a path for a folder of this process or job */
export function openS3Checkpoints(
  bucket: Bucket,
  newFolder: () => Promise<string>,
  namespace: string,
  inputDigest: string,
): Checkpoints {
  const home = checkpointsFolder(namespace, inputDigest)

  /** Names of those that are complete, the newest first, each with all its keys. */
  const listed = async (): Promise<[name: string, keys: string[]][]> => {
    const byName = new Map<string, string[]>()
    for await (const { key } of bucket.list(home)) {
      const [name = ''] = key.slice(home.length).split('/')
      byName.set(name, [...(byName.get(name) ?? []), key])
    }
    return [...byName]
      .filter(([name, keys]) => keys.includes(`${home}${name}/${MANIFEST_FILE}`))
      .sort(([one], [other]) => (one < other ? 1 : -1))
  }

  /** The manifest goes first, so that nobody meets half of it. */
  const drop = async (keys: readonly string[]): Promise<void> => {
    const isManifest = (key: string) => key.endsWith(`/${MANIFEST_FILE}`)
    await bucket.remove(keys.filter(isManifest))
    await bucket.remove(keys.filter((key) => !isManifest(key)))
  }

  const prune = async (): Promise<void> => {
    const kept = new Set<string>()
    for (const [name, keys] of await listed()) {
      const step = name.slice(0, STEP_DIGITS)
      if (kept.has(step) || kept.size >= KEPT_STEPS) await drop(keys)
      else kept.add(step)
    }
  }

  const write: Checkpoints['write'] = async (step, token, fill, confirm) => {
    const place = `${home}${stepName(step, randomUUID())}/`
    const folder = await newFolder()
    try {
      await filesystem.mkdir(folder)
      await fill(folder)
      const files = await sealFolder(filesystem, folder)
      for (const { path } of files) await bucket.upload(place + path, join(folder, path))
      await confirm?.()
      await bucket.write(place + MANIFEST_FILE, recordText({ step, token, files }))
    } catch (error) {
      throw asStoreError(error, folder)
    } finally {
      await filesystem.rm(folder, { recursive: true, force: true })
    }
    await prune()
  }

  const latest = async (): Promise<Checkpoint | undefined> => {
    for (const [name, keys] of await listed()) {
      const folder = await newFolder()
      const record = await download(bucket, `${home}${name}/`, folder)
      if (record) return { ...record, ...fileAccess(filesystem, folder, record.files) }
      await filesystem.rm(folder, { recursive: true, force: true })
      await drop(keys)
    }
    return undefined
  }

  const remove = async (): Promise<void> => {
    const keys: string[] = []
    for await (const { key } of bucket.list(home)) keys.push(key)
    await drop(keys)
  }

  return { write, latest, remove }
}

/** Undefined when a byte of it is not as written. */
async function download(bucket: Bucket, place: string, folder: string): Promise<Record | undefined> {
  const record = parseRecord((await bucket.read(place + MANIFEST_FILE)) ?? '')
  if (!record) return undefined
  for (const { path, sha256 } of record.files) {
    const target = join(folder, checkedFilePath(path))
    await filesystem.mkdir(dirname(target), { recursive: true })
    if ((await bucket.download(place + path, target))?.sha256 !== sha256) return undefined
  }
  return record
}
