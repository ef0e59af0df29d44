import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { Random } from '../../../tensor/random.ts'

/** Least and largest budget of an advertiser in AuctionNet: what matters is their ratio. */
const [least, largest] = [2000, 4850]

export interface Traffic {
  /** [ads] */
  readonly advertiser: Uint32Array
  /** [ads] */
  readonly value: Float64Array
  /** [ads], in how many requests each was eligible. */
  readonly eligible: Uint32Array
  /** What the log cost at its bids. */
  readonly spend: number
}

/**
 * Budgets by advertiser: the spend of the log, shared out by how often the advertiser's ads could have been shown and
 * what they are worth, times a draw from AuctionNet's range over its middle; enough for a click of the dearest ad at
 * least. Undefined where nobody has a budget.
 */
export function drawBudgets(
  advertisers: number,
  { advertiser, value, eligible, spend }: Traffic,
  { seed, budgetPercent }: MarketSimulation,
): Float64Array | undefined {
  if (budgetPercent === 0) return undefined
  const shares = new Float64Array(advertisers)
  advertiser.forEach((owner, ad) => {
    shares[owner] += value[ad] * eligible[ad]
  })
  const dearest = new Float64Array(advertisers)
  advertiser.forEach((owner, ad) => {
    dearest[owner] = Math.max(dearest[owner], value[ad])
  })
  const total = shares.reduce((sum, share) => sum + share, 0)
  const random = new Random(seed, 'budgets')
  return shares.map((share, owner) => {
    const draw = (least + random.uniform() * (largest - least)) / ((least + largest) / 2)
    return Math.max(dearest[owner], (draw * spend * share * budgetPercent) / (100 * (total || 1)))
  })
}
