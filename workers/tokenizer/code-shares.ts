// A small picture of what is taken, by the first code of items: with it builds that share codebooks are compared.

import type { TrainingSequences } from '../data/co-occurrence.ts'
import { trainingCounts } from '../data/co-occurrence.ts'

/** Entries beyond are folded onto the first ones, so that a summary stays small. */
export const mostShares = 256

/**
 * Share of the training interactions by entry of the first level.
 * @param codes [items, levels]
 * @param entries of the first level
 * @returns at most mostShares numbers that sum to 1; all 0 without interactions
 */
export function codeShares(
  codes: Uint16Array,
  levels: number,
  entries: number,
  sequences: TrainingSequences,
): number[] {
  const counts = new Array<number>(Math.min(entries, mostShares)).fill(0)
  trainingCounts(sequences).forEach((count, item) => {
    counts[codes[item * levels] % mostShares] += count
  })
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => (total === 0 ? 0 : count / total))
}
