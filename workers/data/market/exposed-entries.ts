/** Entries of a request and where they stood, whether the log has whole lists or entries of them. */
import type { Exposures } from './market.ts'

/** Entries of a request in slots below `slots`: they lie from `start` to before `end`. */
export function entriesBelow(
  { offsets, slot }: Pick<Exposures, 'offsets' | 'slot'>,
  request: number,
  slots: number,
): { readonly start: number; readonly end: number } {
  const start = offsets[request]
  let end = Math.min(offsets[request + 1], start + slots)
  // They are in the order of slots, no two in one.
  while (slot !== undefined && end > start && slot[end - 1] >= slots) end--
  return { start, end }
}

/** From 0. */
export const slotOf = (
  { offsets, slot }: Pick<Exposures, 'offsets' | 'slot'>,
  request: number,
  entry: number,
): number => slot?.[entry] ?? entry - offsets[request]
