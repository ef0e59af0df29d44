/**
 * The ledger: an object an entry, numbered. S3 cannot append, yet it can refuse to write over what is there, so that
 * two writers never take one number and the order does not rest on anybody's clock.
 */
import { randomUUID } from 'node:crypto'
import { canonicalJson } from '../digest.ts'
import type { JsonObject, Ledger } from '../store.ts'
import type { Bucket } from './bucket.ts'
import { mapAtOnce } from './concurrency.ts'
import { LEDGERS, ledgerFolder } from './keys.ts'

const DIGITS = 12
const READS_AT_ONCE = 16
const entryPattern = /^(\d{12})\.json$/
const keyPattern = /\/(\d{12})\.json$/

export function openS3Ledger(bucket: Bucket): Ledger {
  /** The number after the last, by namespace, as far as this process knows. */
  const next = new Map<string, number>()

  const append = async (namespace: string, entry: JsonObject): Promise<void> => {
    const folder = ledgerFolder(namespace)
    // The id makes the entry this one, not an equal one, should the write have to be repeated.
    const body = canonicalJson({ id: randomUUID(), entry })
    let number = next.get(namespace) ?? (await afterLast(bucket, folder))
    while (!(await bucket.writeIfAbsent(keyOf(folder, number), body))) number += 1
    next.set(namespace, number + 1)
  }

  const read = async (namespace: string): Promise<JsonObject[]> => {
    const bodies = await mapAtOnce(await keysOf(bucket, ledgerFolder(namespace)), READS_AT_ONCE, (key) =>
      bucket.read(key),
    )
    return bodies.flatMap(parsedEntry)
  }

  const namespaces = async (): Promise<string[]> => {
    const names = new Set<string>()
    for await (const { key } of bucket.list(LEDGERS)) {
      const [name = '', entry = ''] = key.slice(LEDGERS.length).split('/')
      if (entryPattern.test(entry)) names.add(name)
    }
    return [...names].sort()
  }
  return { append, read, namespaces }
}

const keyOf = (folder: string, number: number): string => `${folder}${String(number).padStart(DIGITS, '0')}.json`

async function keysOf(bucket: Bucket, folder: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of bucket.list(folder)) if (keyPattern.test(key)) keys.push(key)
  // Servers differ in what they call order.
  return keys.sort()
}

async function afterLast(bucket: Bucket, folder: string): Promise<number> {
  const last = keyPattern.exec((await keysOf(bucket, folder)).at(-1) ?? '')?.[1]
  return last === undefined ? 1 : Number(last) + 1
}

/** What is no entry of ours is passed over, as the file store does. */
function parsedEntry(body: string | undefined): JsonObject[] {
  try {
    const value: unknown = JSON.parse(body ?? '')
    if (!isObject(value) || !('entry' in value) || !isObject(value.entry)) return []
    return [value.entry as JsonObject]
  } catch {
    return []
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
