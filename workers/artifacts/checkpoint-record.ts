/** What a checkpoint says of itself, the same in a folder and in a bucket. */
import { canonicalJson, digestOfBytes } from './digest.ts'
import type { ManifestFile } from './store.ts'

export const KEPT_STEPS = 2
export const STEP_DIGITS = 16

export interface Record {
  step: number
  token: string
  files: ManifestFile[]
}

/**
 * Sorts by step. A step may be written again after its first copy was found damaged, hence the random part.
 * @throws RangeError
 */
export function stepName(step: number, random: string): string {
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`A checkpoint's step is a count, not ${step}`)
  return `${String(step).padStart(STEP_DIGITS, '0')}-${random}`
}

/** The manifest's own digest is its first line: without it a torn manifest could pass for a complete one. */
export function recordText(record: Record): string {
  const text = canonicalJson(record)
  return `${digestOfBytes(text)}\n${text}`
}

/** Undefined when it is torn or changed. */
export function parseRecord(text: string): Record | undefined {
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  return digestOfBytes(body) === text.slice(0, end) ? JSON.parse(body) : undefined
}
