// What a beam has placed so far, and which candidates may come next: no item twice, organic items in their order unless
// they are free of it, and the constraints on ads. All arrays are by candidate, with one more column for "nothing more".

import type { OrganicOrder } from '../../../crds/auction-terms.ts'
import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'

/** Of the candidates of each row; `columns` = candidates + 1. */
export interface CandidateColumns {
  /** 1 for ads, [B, columns]. */
  readonly isAd: Value
  /** Place in the organic order, -1 for ads, -2 for what is no candidate [B, columns]. */
  readonly organicRank: Value
  /** int32, -1 for what is no ad [B, columns]. */
  readonly advertiser: Value
  /** [B, columns]. */
  readonly bid: Value
  /** Least bid of an ad at each slot [B, slots]. */
  readonly reserve: Value
  /** [B, 1] each. */
  readonly maxAds: Value
  readonly minGap: Value
  readonly maxPerAdvertiser: Value
  readonly organicOrder: OrganicOrder
  readonly columns: number
}

/** [B, beams, columns] or [B, beams]. */
export interface Placed {
  /** 1 for what is in the list. */
  readonly taken: Value
  /** Entries of each candidate's advertiser. */
  readonly ofAdvertiser: Value
  readonly ads: Value
  readonly organic: Value
  /** Slot of the newest ad, far below zero without one. */
  readonly newestAd: Value
  /** 1 once nothing more comes. */
  readonly ended: Value
}

const longAgo = -1e6

/** One empty list a row. */
export const nothingPlaced = ({ isAd }: CandidateColumns): Placed => {
  const none = op.reshape(op.mul(isAd, 0), ['B', 1, Number(isAd.shape[1])])
  const zero = op.reshape(op.slice(none, 2, 0, 1), ['B', 1])
  return { taken: none, ofAdvertiser: none, ads: zero, organic: zero, newestAd: op.add(zero, longAgo), ended: zero }
}

const wide = (value: Value): Value => op.reshape(value, ['B', value.shape[1], 1])
const across = (value: Value): Value => op.reshape(value, ['B', 1, value.shape[1]])

/** Whether each candidate may come at this slot, bool [B, beams, columns]; never so for the last column. */
export const mayFollow = (candidates: CandidateColumns, placed: Placed, slot: number): Value => {
  const { isAd, organicRank, organicOrder, bid, reserve, maxAds, minGap, maxPerAdvertiser } = candidates
  const fewAds = op.less(placed.ads, maxAds)
  const farEnough = op.greater(op.sub(slot, placed.newestAd), minGap)
  const goesOn = op.less(placed.ended, 1)
  const paysEnough = op.and(op.greater(isAd, 0), op.greaterOrEqual(bid, op.slice(reserve, 1, slot, slot + 1)))
  const adsMay = wide(op.and(op.and(fewAds, farEnough), goesOn))
  const fewOfAdvertiser = op.less(placed.ofAdvertiser, op.reshape(maxPerAdvertiser, ['B', 1, 1]))
  const ad = op.and(op.and(across(paysEnough), adsMay), fewOfAdvertiser)
  const next =
    organicOrder === 'Free'
      ? op.greaterOrEqual(across(organicRank), 0)
      : op.equal(across(organicRank), wide(placed.organic))
  const organic = op.and(next, wide(goesOn))
  return op.and(op.or(ad, organic), op.less(placed.taken, 1))
}

/** Rows of a value by beam: those of the beams at `parent` int64 [B, width]. */
export const ofBeams = (value: Value, parent: Value): Value =>
  op.gatherND(value, op.reshape(parent, ['B', parent.shape[1], 1]), 1)

/**
 * The lists once each beam has taken another candidate.
 * @param parent beam that goes on, int64 [B, width]
 * @param choice candidate that it takes, int64 [B, width]; the last column is nothing
 */
export const place = (
  candidates: CandidateColumns,
  before: Placed,
  { parent, choice, slot }: { readonly parent: Value; readonly choice: Value; readonly slot: number },
): Placed => {
  const { isAd, advertiser, columns } = candidates
  const chosenAd = op.gatherElements(isAd, choice, 1)
  const nothing = op.cast(op.equal(choice, columns - 1), 'float32')
  const ones = op.add(op.mul(wide(chosenAd), 0), 1)
  const same = op.equal(across(advertiser), wide(op.gatherElements(advertiser, choice, 1)))
  const counted = op.mul(op.cast(same, 'float32'), wide(chosenAd))
  const newestAd = ofBeams(before.newestAd, parent)
  return {
    taken: op.scatterElements(ofBeams(before.taken, parent), wide(choice), ones, 2),
    ofAdvertiser: op.add(ofBeams(before.ofAdvertiser, parent), counted),
    ads: op.add(ofBeams(before.ads, parent), chosenAd),
    organic: op.add(ofBeams(before.organic, parent), op.sub(op.sub(1, chosenAd), nothing)),
    newestAd: op.where(op.greater(chosenAd, 0), slot, newestAd),
    ended: op.maximum(ofBeams(before.ended, parent), nothing),
  }
}
