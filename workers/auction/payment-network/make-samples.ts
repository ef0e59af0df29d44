// Samples of a payment network from requests whose allocation answers every misreport.

import { Random } from '../../tensor/random.ts'
import type { Allocation, Allocator, AuctionRequest } from '../auction.ts'
import { adsByBidder } from '../bidder.ts'
import { isListed as isShown, listedAds, slotOf } from '../chosen-list.ts'
import { pivotPrice } from '../pivot-price.ts'
import { type Misreports, misreportCount, misreportsOf } from './misreports.ts'
import { otherBids } from './other-bids.ts'
import { drawValues, type PaymentSamples, type ValueDraws } from './samples.ts'

export interface SampleOptions {
  readonly listLength: number
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  readonly values: ValueDraws
  readonly misreports: Misreports
  /** Bidders of a request whom truth leaves out and who are tried all the same, chosen by seed. */
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

/** A bidder under one of its bids. */
interface Outcome {
  readonly allocation: Allocation
  readonly bids: Float64Array
  /** Where the list stays as it is: log z by slot under these bids, and under those of truth. */
  readonly soft?: { readonly logZ: Float32Array; readonly truth: Float32Array }
}

/** One row of the table: an ad under one of its bids. Bids are over their unit. */
interface Row {
  readonly item: number
  readonly otherBids: readonly number[]
  readonly numbers: Readonly<Record<RowNumber, number>>
}

const rowNumbers = ['slot', 'logZ', 'pCtr', 'pivotPrice', 'bid', 'exposure', 'value'] as const
type RowNumber = (typeof rowNumbers)[number]

class SampleTable {
  readonly #options: SampleOptions
  /** Rows of each variant of each sample. */
  readonly #rows: Row[][] = []

  constructor(options: SampleOptions) {
    this.#options = options
  }

  /**
   * @param request with the values as bids
   * @param outcomes by variant, truth first
   */
  add(request: AuctionRequest, ads: readonly number[], outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      const shown = listedAds(request, outcome.allocation).map(({ ad }) => ad)
      const listed = shown.filter((ad) => ads.includes(ad))
      this.#rows.push((listed.length > 0 ? listed : ads.slice(0, 1)).map((ad) => this.#row(request, outcome, ad)))
    }
  }

  #row(request: AuctionRequest, { allocation, bids, soft }: Outcome, ad: number): Row {
    const { listLength, bidUnit, response } = this.#options
    const { lists, chosen } = allocation
    const slot = slotOf(lists, chosen, ad)
    const item = request.ads[ad]
    const money = { bid: bids[ad] / bidUnit, value: request.bids[ad] / bidUnit }
    if (slot < 0) {
      const numbers = { slot, ...money, logZ: 0, pCtr: 0, pivotPrice: 0, exposure: 0 }
      return { item, otherBids: new Array<number>(listLength - 1).fill(0), numbers }
    }
    const at = chosen * lists.slots + slot
    const asked = { ...request, bids }
    const shown = (soft?.logZ[slot] ?? 0) - (response?.by === 'Probability' ? 0 : (soft?.truth[slot] ?? 0))
    return {
      item,
      otherBids: Array.from(otherBids(asked, allocation, slot, listLength), (bid) => bid / bidUnit),
      numbers: {
        ...{ slot, ...money },
        logZ: soft?.logZ[slot] ?? lists.logZ[at],
        pCtr: lists.pCtr[at],
        pivotPrice: pivotPrice(asked, allocation, ad) / bidUnit,
        exposure: Math.exp(shown),
      },
    }
  }

  done(): PaymentSamples {
    const { vectors, listLength } = this.#options
    const variants = 1 + misreportCount
    const ads = this.#rows.reduce((most, { length }) => Math.max(most, length), 1)
    const cells = this.#rows.length * ads
    const vector = new Uint32Array(cells)
    const otherBids = new Float32Array(cells * (listLength - 1))
    const numbers = {
      ...{ slot: new Int32Array(cells).fill(-1), logZ: new Float32Array(cells), pCtr: new Float32Array(cells) },
      ...{ pivotPrice: new Float32Array(cells), bid: new Float32Array(cells) },
      ...{ exposure: new Float32Array(cells), value: new Float32Array(cells) },
    }
    for (const [index, rows] of this.#rows.entries())
      for (const [place, row] of rows.entries()) {
        const cell = index * ads + place
        vector[cell] = row.item
        otherBids.set(row.otherBids, cell * (listLength - 1))
        for (const name of rowNumbers) numbers[name][cell] = row.numbers[name]
      }
    const count = this.#rows.length / variants
    return { count, variants, ads, truth: 0, vectors, vector, otherBids, ...numbers }
  }
}

/** Bidders that are tried, by their ads: all that are listed, and some that are not. */
const triedBidders = (request: AuctionRequest, truth: Allocation, losers: number, random: Random): number[][] => {
  const all = adsByBidder(request, truth.lists.bidder)
  const isListed = (ads: readonly number[]): boolean => ads.some((ad) => isShown(truth, ad))
  const others = random.shuffle(all.filter((ads) => !isListed(ads)))
  return [...all.filter(isListed), ...others.slice(0, losers)]
}

/**
 * Samples of every draw of values of every request. Each bidder tries its misreports, the others stay truthful, and the
 * request is decoded anew (trap 1: with a fixed list regret means nothing).
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

type RequestOptions = Pick<SampleOptions, 'losers' | 'misreports' | 'response'> & { readonly random: Random }

async function addRequest(
  request: AuctionRequest,
  allocator: Allocator,
  table: SampleTable,
  { losers, misreports: kind, random, response }: RequestOptions,
): Promise<void> {
  const [truth] = await allocator.underBids(request, [request.bids])
  // Whom the list leaves out, a list that stays leaves out under every bid.
  const bidders = triedBidders(request, truth, response === undefined ? losers : 0, random)
  const misreports = bidders.flatMap((ads) => misreportsOf(request.bids, ads, kind, random))
  const [honest, ...outcomes] = await outcomesUnder(request, truth, misreports, { allocator, response })
  for (const [index, ads] of bidders.entries())
    table.add(request, ads, [honest, ...outcomes.slice(index * misreportCount, (index + 1) * misreportCount)])
}

/** Truth first. */
async function outcomesUnder(
  request: AuctionRequest,
  truth: Allocation,
  misreports: readonly Float64Array[],
  { allocator, response }: { readonly allocator: Allocator; readonly response: ProbabilityResponse | undefined },
): Promise<Outcome[]> {
  const bids = [request.bids, ...misreports]
  if (response === undefined) {
    const found = await allocator.underBids(request, misreports)
    return [truth, ...found].map((allocation, index) => ({ bids: bids[index], allocation }))
  }
  // That of truth is asked for too: a list that no search found says nothing of it.
  const logZ = await response.logZ(request, truth, bids)
  return bids.map((each, index) => ({
    bids: each,
    allocation: truth,
    soft: { logZ: logZ[index], truth: logZ[0] },
  }))
}
