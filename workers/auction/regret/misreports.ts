// Bids to try in place of an ad's own.

import type { Random } from '../../tensor/random.ts'
import type { Allocation, AuctionRequest } from '../auction.ts'
import { adsOfList } from '../chosen-list.ts'

/** The ten multipliers of EGA-V2's metric Ψ (Sec. 5.1). */
export const publishedMultipliers: readonly number[] = Array.from({ length: 10 }, (_, j) => (2 * (j + 1)) / 10)

/** 0, 0.05, ..., 3. */
export const fineMultipliers: readonly number[] = Array.from({ length: 61 }, (_, j) => j / 20)

export interface CriticalBidOptions {
  /** How far beside the tie, relative to it. */
  readonly margin: number
  /** Rivals to take, those of the highest scores. */
  readonly rivals: number
  /** Relative exposure by slot; absent: 1 everywhere. */
  readonly exposure?: Float64Array | undefined
}

/**
 * Just above and just below the bid with which the ad would tie with a rival's rank score b q: where the outcome of GSP,
 * VCG and first price changes, and so exact for them. q is the pCTR by exposure where an ad first appears in the candidate
 * lists; where the ad or the rival appears nowhere, the rival's bid stands in for the tie.
 */
export function criticalMisreports(
  { bids, ads }: AuctionRequest,
  { lists, chosen }: Allocation,
  ad: number,
  { margin, rivals, exposure }: CriticalBidOptions,
): number[] {
  const qualities = new Map<number, number>()
  const rows = [chosen, ...Array.from({ length: lists.count }, (_, row) => row)]
  for (const row of rows)
    for (const { ad: shown, slot, pCtr } of adsOfList(lists, row, ads.length))
      if (!qualities.has(shown)) qualities.set(shown, pCtr / (exposure?.[slot] ?? 1))
  const own = qualities.get(ad)
  const tieWith = (rival: number): number => {
    const quality = qualities.get(rival)
    return own === undefined || quality === undefined || own === 0 ? bids[rival] : (bids[rival] * quality) / own
  }
  const ties = Array.from(ads.keys())
    .filter((rival) => rival !== ad)
    .map(tieWith)
    .sort((a, b) => b - a)
    .slice(0, rivals)
  return ties.flatMap((tie) => [tie * (1 - margin), tie * (1 + margin)])
}

/** Log-uniform in [0.01, 3] of `scale`. */
export const randomMisreports = (random: Random, count: number, scale: number): number[] =>
  Array.from({ length: count }, () => scale * 0.01 * 300 ** random.uniform())
