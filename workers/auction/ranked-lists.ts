// Lists of candidates that are ranked one by one: score = log-quality + log value, the value of an ad being its bid. Higher
// bids never move an ad down, so that the least bid that does has a closed form.

import { organicValue } from '../ranker/one-ranker/item-values.ts'
import type { LeastBids } from './auction.ts'
import { reserveOf } from './chosen-list.ts'
import { type FillRequest, fillList, listsWithoutEach, OpenList } from './list-fill.ts'

export interface ValueScale {
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  /** Of an organic item, in that unit. */
  readonly organic: number
}

/**
 * Least bid that is told from none, in units of the mean bid: it keeps the score of who bids nothing finite, no more. The
 * closed forms of `leastBids` hold of bids above it alone, so it is no 0.01, as the least value that models learn from
 * is: bids below that are real, and have their order and their price.
 */
const leastBid = 1e-12

/** A request whose candidates are ranked. Candidates are counted through ads and organic items. */
export interface RankedCandidates {
  readonly request: FillRequest
  /** [candidates]; -Infinity for an ad that does not take part. */
  readonly logQuality: Float32Array
  /** [candidates], log-quality and the logarithm of the value: what the order goes by. */
  readonly score: Float64Array
  readonly scale: ValueScale
}

/** Logarithm of what a click counts in the order. @param bid undefined of an organic item */
export const logValue = (bid: number | undefined, { bidUnit, organic }: ValueScale): number =>
  bid === undefined ? Math.log(organicValue({ organic })) : Math.log(Math.max(leastBid, bid / bidUnit))

export function rankCandidates(request: FillRequest, logQuality: Float32Array, scale: ValueScale): RankedCandidates {
  const { ads, bids } = request
  const score = Float64Array.from(
    logQuality,
    (quality, candidate) => quality + logValue(candidate < ads.length ? bids[candidate] : undefined, scale),
  )
  return { request, logQuality, score, scale }
}

/** Logarithm of each candidate's share in the softmax of the scores. */
export function logShares({ score }: Pick<RankedCandidates, 'score'>): Float64Array {
  const greatest = score.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY)
  const sum = score.reduce((total, each) => total + Math.exp(each - greatest), 0)
  return score.map((each) => each - greatest - Math.log(sum))
}

/** The list that is shown, then the best without each of its ads, in the order of their slots. */
export function rankedLists({ request, score }: RankedCandidates): number[][] {
  const { ads } = request
  const ranked = Array.from(ads.keys())
    .filter((ad) => score[ad] > Number.NEGATIVE_INFINITY)
    .sort((one, other) => score[other] - score[one] || one - other)
  const prefersAd = (ad: number, organic: number) => score[ad] >= score[ads.length + organic]
  const shown = fillList(request, ranked, prefersAd)
  return [shown, ...listsWithoutEach(shown, request, ranked, prefersAd)]
}

/** @param lists what `rankedLists` made */
export function leastBids(ranked: RankedCandidates, [shown, ...without]: readonly (readonly number[])[]): LeastBids {
  const { request } = ranked
  const ofSlot = new Float64Array(request.slots)
  const ofListing = new Float64Array(request.slots)
  const isAd = (candidate: number) => candidate < request.ads.length
  const adSlots = [...shown.keys()].filter((slot) => isAd(shown[slot]))
  const keeping = bidsToKeepSlots(ranked, shown)
  for (const [place, slot] of adSlots.entries()) {
    ofSlot[slot] = keeping[slot]
    ofListing[slot] = bidToBeListed(ranked, shown[slot], without[place])
  }
  return { ofSlot, ofListing }
}

/** Least bid whose score reaches another. */
const bidFor = ({ logQuality, scale }: RankedCandidates, ad: number, score: number): number =>
  scale.bidUnit * Math.exp(score - logQuality[ad])

/** By slot: the ad there has to outrank who else may stand there, ads and the next organic item. */
function bidsToKeepSlots(ranked: RankedCandidates, shown: readonly number[]): number[] {
  const { request, score } = ranked
  const { ads } = request
  const list = new OpenList(request)
  const left = new Set(Array.from(ads.keys()))
  return shown.map((candidate, slot) => {
    let bid = 0
    if (candidate < ads.length) {
      left.delete(candidate)
      const { nextOrganic } = list
      let rival = nextOrganic === undefined ? Number.NEGATIVE_INFINITY : score[ads.length + nextOrganic]
      for (const ad of left) if (score[ad] > rival && list.takesAd(ad)) rival = score[ad]
      bid = Math.max(reserveOf(request, slot, candidate), bidFor(ranked, candidate, rival))
    }
    list.add(candidate)
    return bid
  })
}

/** Without the ad the list is filled up to the slot where its score is the greatest: any slot will do. */
function bidToBeListed(ranked: RankedCandidates, ad: number, without: readonly number[]): number {
  const { request, score } = ranked
  const list = new OpenList(request)
  let least = Number.POSITIVE_INFINITY
  for (let slot = 0; slot < request.slots; slot++) {
    if (list.allowsAd(ad)) {
      const rival = slot < without.length ? score[without[slot]] : Number.NEGATIVE_INFINITY
      least = Math.min(least, Math.max(reserveOf(request, slot, ad), bidFor(ranked, ad, rival)))
    }
    if (slot >= without.length) break
    list.add(without[slot])
  }
  return least
}
