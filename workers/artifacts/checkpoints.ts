/** Checkpoints of a run: the newest two steps, each written whole or not at all. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { KEPT_STEPS, parseRecord, type Record, recordText, STEP_DIGITS, stepName } from './checkpoint-record.ts'
import { CorruptArtifactError, errorCode } from './errors.ts'
import { type Filesystem, namesIn, syncFolder, writeSynced } from './filesystem.ts'
import type { Layout } from './layout.ts'
import { fileAccess, MANIFEST_FILE, sealFolder, verifyFiles } from './manifest.ts'
import { moveIntoPlace, withStaging } from './staging.ts'
import type { Checkpoint, Checkpoints } from './store.ts'

const NAME_PATTERN = /^(\d{16})-[0-9a-f-]{36}$/

export function openCheckpoints(
  filesystem: Filesystem,
  layout: Layout,
  namespace: string,
  inputDigest: string,
): Checkpoints {
  const home = layout.checkpointsOf(namespace, inputDigest)
  const names = async (): Promise<string[]> =>
    (await namesIn(filesystem, home)).filter((name) => NAME_PATTERN.test(name)).reverse()
  const drop = (name: string): Promise<void> => filesystem.rm(join(home, name), { recursive: true, force: true })

  const prune = async (): Promise<void> => {
    const kept = new Set<string>()
    for (const name of await names()) {
      const step = name.slice(0, STEP_DIGITS)
      if (kept.has(step) || kept.size >= KEPT_STEPS) await drop(name)
      else kept.add(step)
    }
  }

  const write: Checkpoints['write'] = async (step, token, fill, confirm) => {
    const name = stepName(step, randomUUID())
    await withStaging(filesystem, layout, async (folder) => {
      await fill(folder)
      const files = await sealFolder(filesystem, folder)
      await writeSynced(filesystem, join(folder, MANIFEST_FILE), recordText({ step, token, files }))
      await syncFolder(filesystem, folder)
      await confirm?.()
      await moveIntoPlace(filesystem, folder, join(home, name))
    })
    await prune()
  }

  const latest = async (): Promise<Checkpoint | undefined> => {
    for (const name of await names()) {
      const folder = join(home, name)
      const record = await readVerified(filesystem, folder, inputDigest)
      if (record) return { ...record, ...fileAccess(filesystem, folder, record.files) }
      await drop(name)
    }
    return undefined
  }

  return { write, latest, remove: () => filesystem.rm(home, { recursive: true, force: true }) }
}

async function readVerified(filesystem: Filesystem, folder: string, digest: string): Promise<Record | undefined> {
  try {
    const text = await filesystem.readFile(join(folder, MANIFEST_FILE), 'utf8')
    const record = parseRecord(text)
    if (record) await verifyFiles(filesystem, folder, record.files, { digest })
    return record
  } catch (error) {
    if (error instanceof CorruptArtifactError || errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
