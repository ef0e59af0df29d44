// From an allocation and its payments to what a client reads.

import type { EntryExplanation, RankAnswer, RankEntry } from '../../../crds/rank.ts'
import type { Allocation, ListConstraints } from '../../auction/auction.ts'
import type { AuctionModel } from './auction-model.ts'
import { contentOf } from './lists.ts'
import { adIdOf, advertiserIdOf } from './names.ts'
import type { ResolvedAuction } from './resolve.ts'

type AuctionSummary = NonNullable<RankAnswer['auction']>

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
  resolved: ResolvedAuction,
  { allocation, payments }: PricedAuction,
  { hasTokenBids }: Pick<AuctionModel, 'hasTokenBids'>,
): AuctionSummary {
  const { request, settings } = resolved
  const { revision, weights, paymentRule, reservePrice, slotReserves } = settings
  const { alpha, beta, lambdaConversion, lambdaOrganic } = weights
  return {
    settingsRevision: revision,
    ...(hasTokenBids ? { alpha, beta } : {}),
    paymentRule,
    reservePrice,
    ...(slotReserves.length === 0 ? {} : { slotReserves: [...slotReserves.subarray(0, request.slots)] }),
    ...(allocation === undefined ? {} : advertiserReserves(resolved, allocation)),
    rewardWeights: { lambdaConversion, lambdaOrganic },
    constraints: finite(request.constraints),
    eligibleAds: request.ads.length,
    listsConsidered: allocation?.lists.count ?? 0,
    ...(allocation === undefined ? {} : { reward: allocation.lists.reward[allocation.chosen] }),
    expectedRevenue: allocation === undefined ? 0 : expectedRevenue(allocation, payments),
  }
}

/** Of the advertisers whose ads are shown: of all that were eligible there may be thousands. */
function advertiserReserves(
  resolved: ResolvedAuction,
  { lists, chosen }: Allocation,
): Pick<AuctionSummary, 'advertiserReserves'> {
  const { request, settings } = resolved
  const priceOf = new Map<string, number>()
  for (const { candidate } of contentOf(lists, chosen)) {
    if (candidate >= request.ads.length) continue
    const id = advertiserIdOf(resolved, candidate)
    const price = settings.advertiserReserves[request.advertisers[candidate]] ?? 0
    if (id !== undefined && price > settings.reservePrice) priceOf.set(id, price)
  }
  if (priceOf.size === 0) return {}
  return { advertiserReserves: Array.from(priceOf, ([advertiser, price]) => ({ advertiser, price })) }
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
