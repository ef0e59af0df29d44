/** Catalogue text as it goes into a dataset: joined, HTML entities resolved, bounded. */
import { decodeHTMLStrict } from 'entities'

const MAX_TEXT_LENGTH = 10_000
const MAX_ATTRIBUTE_LENGTH = 256
const MAX_ATTRIBUTES = 64

/** Values of one or several columns (strings, numbers, lists of them) joined by blanks; at most 10,000 characters. */
export function joinText(values: unknown): string {
  return cut(leaves(values).map(clean).filter(Boolean).join(' '), MAX_TEXT_LENGTH)
}

/** Names in their order, empty ones left out; at most 64 of 256 characters. */
export function listAttributes(values: unknown): string[] {
  const names = leaves(values).map((leaf) => cut(clean(leaf), MAX_ATTRIBUTE_LENGTH))
  return names.filter(Boolean).slice(0, MAX_ATTRIBUTES)
}

/** Strings, numbers and truth values in nested lists; what else there is has no text. */
function leaves(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(leaves)
  if (typeof value === 'string') return [value]
  return typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : []
}

/** Only entities with their semicolon: "R&D" and "&copyright" stay as they are. */
function clean(text: string): string {
  return decodeHTMLStrict(text).trim()
}

/** Never leaves half of a surrogate pair. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  return text
    .slice(0, length)
    .toWellFormed()
    .replace(/\uFFFD$/, '')
}
