// From an allocation and its payments to what a client reads.

import type { EntryExplanation, RankAnswer, RankEntry } from '../../../crds/rank.ts'
import type { Allocation, ListConstraints } from '../../auction/auction.ts'
import type { AuctionModel } from './auction-model.ts'
import { contentOf } from './lists.ts'
import { adIdOf, advertiserIdOf } from './names.ts'
import type { ResolvedAuction } from './resolve.ts'

/** An auction that is over. */
export interface PricedAuction {
  /** Undefined where nothing could be shown. */
  readonly allocation: Allocation | undefined
  /** Per click, by slot of the chosen list. */
  readonly payments: Float64Array
  /** By slot, where the request asks for it. */
  readonly explanations?: readonly EntryExplanation[]
}

export function auctionEntries(
  resolved: ResolvedAuction,
  { allocation, payments, explanations }: PricedAuction,
  itemIds: readonly string[],
): RankEntry[] {
  if (allocation === undefined) return []
  const { lists, chosen } = allocation
  const { request, market } = resolved
  return contentOf(lists, chosen).map(({ candidate, at }, slot) => {
    const isAd = candidate < request.ads.length
    const item = isAd ? request.ads[candidate] : request.organic[candidate - request.ads.length]
    const creative = lists.creative[at]
    const entry = {
      position: slot + 1,
      item: itemIds[item],
      score: lists.logZ[at],
      ...(isAd ? { ad: adIdOf(resolved, candidate, itemIds), advertiser: advertiserIdOf(resolved, candidate) } : {}),
      ...(creative < 0 ? {} : { creative: market.creatives?.ids[creative] }),
      pCtr: lists.pCtr[at],
      ...(creative < 0 ? {} : { pCtrCreative: lists.pCtrCreative[at] }),
      pCvr: lists.pCvr[at],
      ...(isAd ? { bid: request.bids[candidate], payment: payments[slot] } : {}),
      explain: explanations?.[slot],
    }
    return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as RankEntry
  })
}

export function auctionSummary(
  { request, settings }: ResolvedAuction,
  { allocation, payments }: PricedAuction,
  { hasTokenBids }: Pick<AuctionModel, 'hasTokenBids'>,
): NonNullable<RankAnswer['auction']> {
  const { revision, weights, paymentRule, reservePrice, slotReserves } = settings
  return {
    settingsRevision: revision,
    ...(hasTokenBids ? { alpha: weights.alpha, beta: weights.beta } : {}),
    paymentRule,
    reservePrice,
    ...(slotReserves.length === 0 ? {} : { slotReserves: [...slotReserves.subarray(0, request.slots)] }),
    constraints: finite(request.constraints),
    eligibleAds: request.ads.length,
    listsConsidered: allocation?.lists.count ?? 0,
    ...(allocation === undefined ? {} : { reward: allocation.lists.reward[allocation.chosen] }),
    expectedRevenue: allocation === undefined ? 0 : expectedRevenue(allocation, payments),
  }
}

/** Sum of payment times pCTR over the chosen list (Eq. 2). */
export function expectedRevenue({ lists, chosen }: Allocation, payments: Float64Array): number {
  let revenue = 0
  for (const [slot, { at }] of contentOf(lists, chosen).entries()) revenue += payments[slot] * lists.pCtr[at]
  return revenue
}

/** JSON knows no infinity: no bound is no field. */
const finite = (constraints: ListConstraints): Partial<ListConstraints> =>
  Object.fromEntries(Object.entries(constraints).filter(([, bound]) => Number.isFinite(bound)))
