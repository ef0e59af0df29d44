import type { PaymentRule } from '../../../../crds/auction-terms.ts'
import type { Allocation, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { worthWithout } from '../../../../workers/auction/payments/worth-without.ts'
import type {
  Admission,
  AllocationWeights,
  AuctionModel,
  BudgetHold,
  BudgetPacer,
  BudgetPlan,
  Charge,
  PriceInput,
  PriceLists,
  ServedAuction,
} from '../../../../workers/serving/auction/auction-model.ts'
import { contentOf } from '../../../../workers/serving/auction/lists.ts'
import { firstCodes } from '../../../../workers/serving/history-codes.ts'
import type { ServedModel } from '../../../../workers/serving/served-model.ts'

/** Items 0 to 9 are organic, 10 to 15 are ads of three advertisers. */
export const itemIds = Array.from({ length: 16 }, (_, index) => `item-${index}`)
/** The last one has no static bid. */
const bids = [1, 2, 3, 4, 5, Number.NaN]

export const market: AuctionModel['market'] = {
  advertisers: {
    count: 3,
    ids: ['north', 'south', 'west'],
    budget: Float64Array.of(100, 50, Number.POSITIVE_INFINITY),
  },
  ads: {
    count: 6,
    ids: bids.map((_, ad) => `ad-${ad}`),
    item: Uint32Array.of(10, 11, 12, 13, 14, 15),
    advertiser: Uint32Array.of(0, 0, 1, 1, 2, 2),
    bid: Float64Array.from(bids),
    value: Float64Array.from(bids),
  },
  creatives: {
    count: 3,
    ids: ['red', 'green', 'blue'],
    item: Uint32Array.of(10, 10, 11),
    offsets: Uint32Array.from({ length: 17 }, (_, item) => (item <= 10 ? 0 : item === 11 ? 2 : 3)),
    text: (creative) => `picture ${creative}`,
  },
}

export const pCtrAt = (slot: number): number => 0.5 / (slot + 1)

/** Two lists: ads by their weight and then organic items, and the same without the first ad. A test can follow it by hand. */
function allocateByHand(request: AuctionRequest, weights: AllocationWeights): Allocation {
  const { ads, organic, slots, constraints } = request
  const weightOf = (candidate: number) => {
    const bid = request.bids[candidate] ?? 0
    return bid ** weights.alpha + weights.beta
  }
  const sorted = [...ads.keys()].sort((one, other) => weightOf(other) - weightOf(one))
  const all = sorted.slice(0, Math.min(constraints.maxAds, ads.length))
  const rows = (ads.length === 0 ? [[]] : [all, all.slice(1)]).map((row) =>
    [...row, ...Array.from(organic, (_, place) => ads.length + place)].slice(0, slots),
  )
  const candidate = new Int32Array(rows.length * slots).fill(-1)
  for (const [list, row] of rows.entries()) candidate.set(row, list * slots)
  const isAd = (one: number) => one >= 0 && one < ads.length
  const creativeOf = (one: number) => {
    const item = ads[one]
    const chosen = request.creatives?.[one]?.[0]
    return chosen ?? market.creatives?.item.indexOf(item) ?? -1
  }
  const reward = Float32Array.from(rows, (row) =>
    row.reduce((sum, one, slot) => sum + (isAd(one) ? request.bids[one] * pCtrAt(slot) : 0), 0),
  )
  const lists = {
    count: rows.length,
    slots,
    candidate,
    creative: Int32Array.from(candidate, (one) => (isAd(one) ? creativeOf(one) : -1)),
    logZ: Float32Array.from(candidate, (one) => (isAd(one) ? Math.log(weightOf(one)) : 0)),
    pCtr: Float32Array.from(candidate, (_, at) => pCtrAt(at % slots)),
    pCtrCreative: Float32Array.from(candidate, () => 0.25),
    pCvr: Float32Array.from(candidate, () => 0.125),
    reward,
  }
  return {
    lists,
    chosen: reward.indexOf(Math.max(...reward)),
    paymentRate: Float32Array.from({ length: slots }, () => 0.5),
  }
}

/** GSP as the bid of the next ad, VCG as a quarter of the bid: enough to tell rules apart. */
export const simplePrices: PriceLists = async (rule, lists) => lists.map((list) => simplePrice(rule, list))

function simplePrice(rule: PaymentRule, { request, allocation }: PriceInput): Float64Array {
  const { lists, chosen, paymentRate } = allocation
  const payments = new Float64Array(lists.slots)
  const shown = contentOf(lists, chosen)
  for (const [slot, { candidate }] of shown.entries()) {
    if (candidate >= request.ads.length) continue
    const bid = request.bids[candidate]
    const next = shown[slot + 1]?.candidate ?? request.ads.length
    const byRule = {
      FirstPrice: bid,
      GSP: next < request.ads.length ? request.bids[next] : 0,
      VCG: bid / 4,
      CriticalBid: bid / 8,
      PaymentNetwork: bid * (paymentRate?.[slot] ?? 0),
    }
    payments[slot] = byRule[rule]
  }
  return payments
}

export class FakePacer implements BudgetPacer {
  plan: BudgetPlan | undefined
  readonly charges: Charge[] = []
  /** By advertiser, of its bids; 0 has no budget left. */
  readonly factors = new Map<number, number>()
  readonly keys: string[] = []

  use(plan: BudgetPlan | undefined): void {
    this.plan = plan
  }

  admit({ advertisers, bids }: Parameters<BudgetPacer['admit']>[0], key: string): Admission {
    this.keys.push(key)
    const factorOf = (ad: number) => this.factors.get(advertisers[ad]) ?? 1
    const ads = [...advertisers.keys()].filter((ad) => factorOf(ad) > 0)
    return { ads, bids: Float64Array.from(ads, (ad) => bids[ad] * factorOf(ad)) }
  }

  hold(most: readonly Charge[]): BudgetHold {
    let held = most
    return {
      narrow: (expected) => {
        held = expected
      },
      settle: () => {
        this.charges.push(...held)
        held = []
      },
      release: () => {
        held = []
      },
    }
  }
}

export interface FakeAuction extends ServedAuction {
  readonly pacer: FakePacer
  /** Requests of each run. */
  readonly runs: { readonly requests: readonly AuctionRequest[]; readonly weights: AllocationWeights }[]
}

export function fakeAuction(more: Partial<AuctionModel> = {}): FakeAuction {
  const runs: FakeAuction['runs'] = []
  const model: AuctionModel = {
    market,
    defaults: {
      alpha: 1,
      beta: 2,
      lambdaConversion: 0,
      lambdaOrganic: 0,
      paymentRule: 'GSP',
      constraints: { ...unconstrained, maxAds: 3 },
    },
    weighingUnit: 2,
    hasTokenBids: true,
    hasPaymentNetwork: false,
    logSpan: 3600,
    organic: Uint32Array.of(0, 1, 2, 3, 4),
    limits: { slots: 6, ads: 20, organic: 20 },
    prepare: async () => {},
    allocate: async (requests, weights) => {
      runs.push({ requests, weights })
      return { allocations: requests.map((request) => allocateByHand(request, weights)), steps: { search: 1 } }
    },
    underBids: async (request, vectors, weights) =>
      vectors.map((vector) => allocateByHand({ ...request, bids: vector }, weights)),
    ...more,
  }
  return { model, price: simplePrices, worthWithout, pacer: new FakePacer(), runs }
}

export const findItem = (id: string): number | undefined => {
  const index = itemIds.indexOf(id)
  return index < 0 ? undefined : index
}

export const historyOf = (user: string): Uint32Array | undefined =>
  user === 'anna' ? Uint32Array.of(0, 10) : undefined

/** A model with the auction, or without one where it is undefined. */
export const modelWith = (auction: ServedAuction | undefined): ServedModel => ({
  digest: 'sha256:1',
  itemIds,
  findItem,
  historyOf,
  firstCodes: firstCodes(Uint16Array.from(itemIds.keys()), [4]),
  ...(auction ? { auction } : {}),
  decode: async (requests) =>
    requests.map(({ count }) => {
      const items = Uint32Array.from({ length: count }, (_, index) => index)
      return { items, scores: Float32Array.from(items, (item) => -item) }
    }),
  release: async () => {},
})
