// Candidate lists as rows of flat arrays.

import type { CandidateLists } from '../../auction/auction.ts'

export interface PlacedCandidate {
  /** Counted through ads and organic items. */
  readonly candidate: number
  /** Where it lies in the arrays [count, slots]. */
  readonly at: number
}

/** What a list shows, slot after slot; a list ends with its first empty slot. */
export function contentOf({ slots, candidate }: CandidateLists, list: number): PlacedCandidate[] {
  const content: PlacedCandidate[] = []
  for (let at = list * slots; at < (list + 1) * slots && candidate[at] >= 0; at++)
    content.push({ candidate: candidate[at], at })
  return content
}

export function holds({ slots, candidate }: CandidateLists, list: number, one: number): boolean {
  for (let at = list * slots; at < (list + 1) * slots; at++) if (candidate[at] === one) return true
  return false
}
