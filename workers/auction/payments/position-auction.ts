// Closed forms of the position auction (Varian 2007; Edelman, Ostrovsky, Schwarz 2007): n ads, slots of exposure
// s_1 >= s_2 >= ..., clicks of ad i in slot k s_k q_i. They know nothing of lists and allocators, so that both can be
// held against each other.

export interface PositionAuction {
  /** [ads], per click. */
  readonly bids: ArrayLike<number>
  /** [ads], pCTR at exposure 1, above 0. */
  readonly qualities: ArrayLike<number>
  /** [slots], not rising. */
  readonly exposure: ArrayLike<number>
}

export interface Position {
  readonly ad: number
  /** Clicks of the ad in its slot. */
  readonly clicks: number
  /** Per click. */
  readonly price: number
}

/** By slot; fewer than slots where ads are short. */
export type PositionPrices = (auction: PositionAuction) => Position[]

/** Ads by b q, highest first, equals in the order of their numbers. */
export const rankAds = ({ bids, qualities }: PositionAuction): number[] =>
  Array.from({ length: bids.length }, (_, ad) => ad).sort(
    (a, b) => bids[b] * qualities[b] - bids[a] * qualities[a] || a - b,
  )

const positions = (
  auction: PositionAuction,
  priceOf: (slot: number, scores: readonly number[], clicks: number) => number,
): Position[] => {
  const { bids, qualities, exposure } = auction
  const ranked = rankAds(auction)
  const scores = ranked.map((ad) => bids[ad] * qualities[ad])
  return ranked.slice(0, exposure.length).map((ad, slot) => {
    const clicks = exposure[slot] * qualities[ad]
    return { ad, clicks, price: priceOf(slot, scores, clicks) }
  })
}

export const firstPricePositions: PositionPrices = (auction) =>
  positions(auction, (slot, scores, clicks) => (scores[slot] * auction.exposure[slot]) / clicks)

/** Price b q of the next, by the own q; 0 where nobody follows. */
export const gspPositions: PositionPrices = (auction) =>
  positions(auction, (slot, scores, clicks) => ((scores[slot + 1] ?? 0) * auction.exposure[slot]) / clicks)

/** t_k = sum over j >= k of (s_j - s_{j+1}) b q of rank j + 1, by the own clicks. */
export const vcgPositions: PositionPrices = (auction) =>
  positions(auction, (slot, scores, clicks) => {
    const { exposure } = auction
    let payment = 0
    for (let j = slot; j < exposure.length; j++)
      payment += (exposure[j] - (exposure[j + 1] ?? 0)) * (scores[j + 1] ?? 0)
    return payment / clicks
  })

export const revenueOf = (outcome: readonly Position[]): number =>
  outcome.reduce((sum, { clicks, price }) => sum + clicks * price, 0)
