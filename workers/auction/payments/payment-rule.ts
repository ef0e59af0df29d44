// What payment rules take.

import type { Allocation, Allocator, AuctionRequest } from '../auction.ts'
import { type ListedAd, listedAds } from '../chosen-list.ts'

export interface PaymentInput {
  /** With the bids under which the list was allocated. */
  readonly request: AuctionRequest
  readonly allocation: Allocation
  /** Prices this ad alone and leaves 0 at the other slots: what an audit of one ad's misreports asks. */
  readonly only?: number
}

export interface PaymentOptions {
  /** Who allocated; CriticalBid asks it again, VCG where every candidate list has the ad. */
  readonly allocator?: Allocator
  /**
   * Relative exposure by slot, above 0, by which GSP divides pCTR to compare ads of different slots; absent: 1
   * everywhere, the printed b' pCTR' / pCTR with the pCTR of each ad at its own place.
   */
  readonly exposure?: Float64Array
  /** Money per unit of `CandidateLists.reward`; 1 unless said. The reward has to hold every ad's bid times its pCTR. */
  readonly rewardUnit?: number
  /** What `worthWithout` found for these very inputs, where it is known: VCG then does not search again. */
  readonly worth?: readonly Float64Array[]
  /** Halvings of CriticalBid, which leave an error of at most bid / 2^bisections; 20 unless said. */
  readonly bisections?: number
}

/** A rule that lacks what it needs. */
export class PaymentError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PaymentError'
  }
}

/** Ads of the chosen list that are to be priced. */
export const payers = ({ request, allocation, only }: PaymentInput): ListedAd[] =>
  listedAds(request, allocation).filter(({ ad }) => only === undefined || ad === only)
