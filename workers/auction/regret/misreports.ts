// Bids to try in place of a bidder's own: of one ad, or of all ads of an advertiser.

import type { Random } from '../../tensor/random.ts'
import type { Allocation, AuctionRequest } from '../auction.ts'
import { adsOfList } from '../chosen-list.ts'

/** Bids of a bidder's ads, [ads of the bidder]. */
export type Report = Float64Array

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
 * Just above and just below the bid with which one of the ads would tie with a rival's rank score b q: where the outcome of
 * GSP, VCG and first price changes, and so exact for them. q is the pCTR by exposure where an ad first appears in the
 * candidate lists; where the ad or the rival appears nowhere, the rival's bid stands in for the tie. The other ads of the
 * bidder rise and fall in the same proportion.
 */
export function criticalMisreports(
  { bids, ads }: AuctionRequest,
  { lists, chosen }: Allocation,
  own: readonly number[],
  { margin, rivals, exposure }: CriticalBidOptions,
): Report[] {
  const qualities = new Map<number, number>()
  const rows = [chosen, ...Array.from({ length: lists.count }, (_, row) => row)]
  for (const row of rows)
    for (const { ad: shown, slot, pCtr } of adsOfList(lists, row, ads.length))
      if (!qualities.has(shown)) qualities.set(shown, pCtr / (exposure?.[slot] ?? 1))
  const tiesOf = (ad: number): number[] => {
    const mine = qualities.get(ad)
    const tieWith = (rival: number): number => {
      const quality = qualities.get(rival)
      return mine === undefined || quality === undefined || mine === 0 ? bids[rival] : (bids[rival] * quality) / mine
    }
    return Array.from(ads.keys())
      .filter((rival) => !own.includes(rival))
      .map(tieWith)
      .sort((a, b) => b - a)
      .slice(0, rivals)
  }
  const report = (ad: number, bid: number): Report =>
    Float64Array.from(own, (each) => (each === ad ? bid : bids[ad] > 0 ? (bids[each] * bid) / bids[ad] : bids[each]))
  return own.flatMap((ad) =>
    tiesOf(ad).flatMap((tie) => [report(ad, tie * (1 - margin)), report(ad, tie * (1 + margin))]),
  )
}

/** Log-uniform in [0.01, 3] of `scale`; every second report draws for each ad apart, where there are several. */
export const randomMisreports = (random: Random, count: number, scale: Report): Report[] =>
  Array.from({ length: count }, (_, index) => {
    const draw = (): number => 0.01 * 300 ** random.uniform()
    const together = draw()
    return scale.map((each) => each * (index % 2 === 1 && scale.length > 1 ? draw() : together))
  })
