/** The append-only ledger: what must survive the loss of a cluster, one JSON object per line. */
import { dirname } from 'node:path'
import { canonicalJson } from './digest.ts'
import { asStoreError, errorCode } from './errors.ts'
import { type Filesystem, namesIn, syncFolder } from './filesystem.ts'
import type { Layout } from './layout.ts'
import type { JsonObject, Ledger } from './store.ts'

export function openLedger(filesystem: Filesystem, layout: Layout): Ledger {
  const append = async (namespace: string, entry: JsonObject): Promise<void> => {
    const path = layout.ledger(namespace)
    const line = `${canonicalJson(entry)}\n`
    try {
      await filesystem.mkdir(dirname(path), { recursive: true })
      const handle = await filesystem.open(path, 'a+')
      try {
        const { size } = await handle.stat()
        // After a crash in the middle of a line the next entry must not be glued to the torn one.
        const torn = size > 0 && (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== 0x0a
        await handle.appendFile(torn ? `\n${line}` : line)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await syncFolder(filesystem, dirname(path))
    } catch (error) {
      throw asStoreError(error, path)
    }
  }

  const read = async (namespace: string): Promise<JsonObject[]> => {
    const path = layout.ledger(namespace)
    try {
      return (await filesystem.readFile(path, 'utf8')).split('\n').flatMap(parsedEntry)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  }

  const namespaces = async (): Promise<string[]> => {
    const names = await namesIn(filesystem, layout.ledgers)
    return names.flatMap((name) => (name.endsWith('.jsonl') ? [name.slice(0, -'.jsonl'.length)] : []))
  }
  return { append, read, namespaces }
}

function parsedEntry(line: string): JsonObject[] {
  if (line === '') return []
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value as JsonObject] : []
  } catch {
    return []
  }
}
