// Samples of a payment network from requests whose allocation answers every misreport.

import { Random } from '../../tensor/random.ts'
import type { Allocation, Allocator, AuctionRequest } from '../auction.ts'
import { pivotPrice } from './pivot-price.ts'
import { drawValues, misreportFactors, type PaymentSamples, truthfulFactor, type ValueDraws } from './samples.ts'

export interface SampleOptions {
  readonly listLength: number
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  readonly values: ValueDraws
  /** Ads of a request that truth leaves out and that are tried all the same, chosen by seed. */
  readonly losers: number
  readonly seed: number
  /** Vectors of all items [items, itemDimensions]. */
  readonly vectors: Float32Array
  /** How the allocation answers a misreport; absent: by decoding anew. */
  readonly response?: ProbabilityResponse
  /** After each request, with those done. */
  readonly onRequest?: (done: number) => Promise<void>
}

/**
 * The list of truth stays, and an ad is shown in it by its probability under the misreport (decision 12 of the
 * reference): by z(b'), or by the ratio z(b') / z(b).
 */
export interface ProbabilityResponse {
  readonly by: 'Probability' | 'ProbabilityRatio'
  /** By vector of bids, log z of each slot of the chosen list. */
  logZ(request: AuctionRequest, truth: Allocation, bids: readonly Float64Array[]): Promise<Float32Array[]>
}

/** Where an ad stands in the list that is shown, -1 where it does not. */
const slotOf = ({ lists, chosen }: Allocation, ad: number): number => {
  if (lists.count === 0) return -1
  return lists.candidate.subarray(chosen * lists.slots, (chosen + 1) * lists.slots).indexOf(ad)
}

/** One row of the table: an ad under one of its bids. */
interface Cell {
  readonly allocation: Allocation
  readonly bids: Float64Array
  readonly ad: number
  /** Where the list stays as it is: log z by slot, and by how much the ad is shown. */
  readonly soft?: { readonly logZ: Float32Array; readonly exposure: number }
}

class SampleTable {
  readonly #options: SampleOptions
  readonly #slot: number[] = []
  readonly #vector: number[] = []
  readonly #otherBids: number[] = []
  readonly #logZ: number[] = []
  readonly #pCtr: number[] = []
  readonly #pivotPrice: number[] = []
  readonly #bid: number[] = []
  readonly #exposure: number[] = []
  readonly #value: number[] = []

  constructor(options: SampleOptions) {
    this.#options = options
  }

  add(request: AuctionRequest, value: number, cells: readonly Cell[]): void {
    this.#value.push(value / this.#options.bidUnit)
    for (const cell of cells) this.#addCell(request, cell)
  }

  #addCell(request: AuctionRequest, { allocation, bids, ad, soft }: Cell): void {
    const { listLength, bidUnit } = this.#options
    const { lists, chosen } = allocation
    const slot = slotOf(allocation, ad)
    const at = chosen * lists.slots + slot
    this.#slot.push(slot)
    this.#vector.push(request.ads[ad])
    this.#bid.push(bids[ad] / bidUnit)
    this.#exposure.push(slot < 0 ? 0 : (soft?.exposure ?? 1))
    this.#logZ.push(slot < 0 ? 0 : (soft?.logZ[slot] ?? lists.logZ[at]))
    this.#pCtr.push(slot < 0 ? 0 : lists.pCtr[at])
    this.#pivotPrice.push(slot < 0 ? 0 : pivotPrice(allocation, ad, bids[ad]) / bidUnit)
    for (let other = 0; other < listLength; other++) {
      if (other === Math.max(0, slot)) continue
      const candidate = slot < 0 || other >= lists.slots ? -1 : lists.candidate[chosen * lists.slots + other]
      this.#otherBids.push(candidate >= 0 && candidate < bids.length ? bids[candidate] / bidUnit : 0)
    }
  }

  done(): PaymentSamples {
    return {
      count: this.#value.length,
      variants: misreportFactors.length,
      truth: truthfulFactor,
      vectors: this.#options.vectors,
      vector: Uint32Array.from(this.#vector),
      slot: Int32Array.from(this.#slot),
      otherBids: Float32Array.from(this.#otherBids),
      logZ: Float32Array.from(this.#logZ),
      pCtr: Float32Array.from(this.#pCtr),
      pivotPrice: Float32Array.from(this.#pivotPrice),
      bid: Float32Array.from(this.#bid),
      exposure: Float32Array.from(this.#exposure),
      value: Float32Array.from(this.#value),
    }
  }
}

/** Ads that are tried: all that are listed, and some that are not. */
const triedAds = (request: AuctionRequest, truth: Allocation, losers: number, random: Random): number[] => {
  const all = Array.from(request.ads, (_, ad) => ad)
  const listed = all.filter((ad) => slotOf(truth, ad) >= 0)
  const others = random.shuffle(all.filter((ad) => slotOf(truth, ad) < 0))
  return [...listed, ...others.slice(0, losers)]
}

/**
 * Samples of every draw of values of every request. Each ad bids gamma times its value for the published gammas, the
 * others stay truthful, and the request is decoded anew (trap 1: with a fixed list regret means nothing).
 */
export async function makeSamples(
  requests: readonly AuctionRequest[],
  allocator: Allocator,
  options: SampleOptions,
): Promise<PaymentSamples> {
  const table = new SampleTable(options)
  for (const [index, logged] of requests.entries()) {
    const random = new Random(options.seed, 'payment samples', index)
    const draws = Array.from(logged.bids, (bid) => drawValues(bid, options.values, random))
    for (let draw = 0; draw < options.values.draws; draw++) {
      const request = { ...logged, bids: Float64Array.from(draws, (values) => values[draw]) }
      await addRequest(request, allocator, table, { ...options, random })
    }
    await options.onRequest?.(index + 1)
  }
  return table.done()
}

type RequestOptions = Pick<SampleOptions, 'losers' | 'response'> & { readonly random: Random }

async function addRequest(
  request: AuctionRequest,
  allocator: Allocator,
  table: SampleTable,
  { losers, random, response }: RequestOptions,
): Promise<void> {
  const [truth] = await allocator.allocate([request])
  // Whom the list leaves out, a list that stays leaves out under every bid.
  const ads = triedAds(request, truth, response === undefined ? losers : 0, random)
  const asked = ads.flatMap((ad) =>
    misreportFactors.flatMap((factor, variant) =>
      variant === truthfulFactor ? [] : [{ ad, bids: request.bids.with(ad, factor * request.bids[ad]) }],
    ),
  )
  const cells = await cellsOf(request, truth, asked, { allocator, response })
  for (const ad of ads) {
    const own = cells.filter((cell) => cell.ad === ad)
    const honest = { ad, bids: request.bids, allocation: truth, ...softOf(truth, ad, undefined, response) }
    table.add(request, request.bids[ad], [...own.slice(0, truthfulFactor), honest, ...own.slice(truthfulFactor)])
  }
}

async function cellsOf(
  request: AuctionRequest,
  truth: Allocation,
  asked: readonly Omit<Cell, 'allocation'>[],
  { allocator, response }: { readonly allocator: Allocator; readonly response: ProbabilityResponse | undefined },
): Promise<Cell[]> {
  const bids = asked.map((each) => each.bids)
  if (response === undefined) {
    const found = await allocator.underBids(request, bids)
    return asked.map((each, index) => ({ ...each, allocation: found[index] }))
  }
  const found = await response.logZ(request, truth, bids)
  return asked.map((each, index) => ({
    ...each,
    allocation: truth,
    ...softOf(truth, each.ad, found[index], response),
  }))
}

/** By how much an ad is shown when log z of the list's entries is this; undefined: under truth. */
function softOf(
  truth: Allocation,
  ad: number,
  under: Float32Array | undefined,
  response: ProbabilityResponse | undefined,
): Pick<Cell, 'soft'> {
  const slot = slotOf(truth, ad)
  if (response === undefined || slot < 0) return {}
  const { lists, chosen } = truth
  const before = lists.logZ.subarray(chosen * lists.slots, (chosen + 1) * lists.slots)
  const logZ = under ?? before.slice()
  const exposure = Math.exp(response.by === 'Probability' ? logZ[slot] : logZ[slot] - before[slot])
  return { soft: { logZ, exposure } }
}
