// Rates of a payment network for lists that were allocated outside of its graph.

import { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import { constantParameters } from '../../tensor/parameters.ts'
import { openRunner, type Runner } from '../../tensor/runner.ts'
import { float32 } from '../../tensor/session.ts'
import type { Allocation, AuctionRequest } from '../auction.ts'
import { itemOfCandidate } from '../chosen-list.ts'
import { pivotPrice } from '../pivot-price.ts'
import { otherBids } from './other-bids.ts'
import { paymentRates } from './rates.ts'
import { type PaymentShape, paymentLayout } from './shape.ts'

export interface PricerOptions {
  readonly shape: PaymentShape
  /** In the order of `paymentLayout`. */
  readonly weights: Float32Array
  /** Vectors of all items [items, itemDimensions], as the network learned from. */
  readonly vectors: Float32Array
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  readonly threads: number
  readonly ownThread?: boolean
}

export interface AllocatedRequest {
  readonly request: AuctionRequest
  readonly allocation: Pick<Allocation, 'lists' | 'chosen'>
}

const ratesGraph = (shape: PaymentShape, weights: Float32Array): Graph => {
  const { listLength, itemDimensions, price } = shape
  const graph = new Graph()
  const bySlot = (name: string) => graph.input(name, 'float32', ['N', listLength])
  const rates = paymentRates(constantParameters(graph, weights, paymentLayout(shape)), shape, {
    ...(itemDimensions === 0 ? {} : { items: graph.input('items', 'float32', ['N', listLength, itemDimensions]) }),
    bids: bySlot('bids'),
    ...(listLength === 1 ? {} : { otherBids: graph.input('otherBids', 'float32', ['N', listLength, listLength - 1]) }),
    logZ: bySlot('logZ'),
    pCtr: bySlot('pCtr'),
    isAd: bySlot('isAd'),
    ...(price === 'Threshold' ? { pivotPrice: bySlot('pivotPrice') } : {}),
  })
  graph.output('rates', rates)
  return graph
}

export class PaymentPricer {
  readonly #options: PricerOptions
  readonly #session: Runner

  private constructor(options: PricerOptions, session: Runner) {
    this.#options = options
    this.#session = session
  }

  static async create(options: PricerOptions): Promise<PaymentPricer> {
    const { shape, weights, threads, ownThread = false } = options
    return new PaymentPricer(options, await openRunner(writeModel(ratesGraph(shape, weights)), { threads, ownThread }))
  }

  /** Rate p/b by slot of each chosen list (Eq. 25), 0 for organic items. */
  async rates(allocated: readonly AllocatedRequest[]): Promise<Float32Array[]> {
    if (allocated.length === 0) return []
    const { listLength } = this.#options.shape
    const { rates } = await this.#session.run(this.#inputs(allocated))
    return allocated.map(({ allocation: { lists } }, row) =>
      (rates.data as Float32Array).slice(row * listLength, row * listLength + lists.slots),
    )
  }

  release(): Promise<void> {
    return this.#session.release()
  }

  #inputs(allocated: readonly AllocatedRequest[]) {
    const { shape, vectors, bidUnit } = this.#options
    const { listLength, itemDimensions, price } = shape
    const cells = allocated.length * listLength
    const bySlot = () => new Float32Array(cells)
    const [bids, logZ, pCtr, isAd, pivot] = [bySlot(), bySlot(), bySlot(), bySlot(), bySlot()]
    const items = new Float32Array(cells * itemDimensions)
    const bidsOfOthers = new Float32Array(cells * (listLength - 1))
    for (const [row, { request, allocation }] of allocated.entries()) {
      const { lists, chosen } = allocation
      for (let slot = 0; slot < lists.slots; slot++) {
        const at = chosen * lists.slots + slot
        const candidate = lists.candidate[at]
        if (candidate < 0) break
        const cell = row * listLength + slot
        const item = itemOfCandidate(request, candidate)
        items.set(vectors.subarray(item * itemDimensions, (item + 1) * itemDimensions), cell * itemDimensions)
        logZ[cell] = lists.logZ[at]
        pCtr[cell] = lists.pCtr[at]
        if (candidate >= request.ads.length) continue
        isAd[cell] = 1
        bids[cell] = request.bids[candidate] / bidUnit
        const others = otherBids(request, allocation, slot, listLength)
        bidsOfOthers.set(
          others.map((bid) => bid / bidUnit),
          cell * (listLength - 1),
        )
        if (price === 'Threshold') pivot[cell] = pivotPrice(request, allocation, candidate) / bidUnit
      }
    }
    const shown = [allocated.length, listLength]
    return {
      bids: float32(shown, bids),
      ...(listLength === 1 ? {} : { otherBids: float32([...shown, listLength - 1], bidsOfOthers) }),
      logZ: float32(shown, logZ),
      pCtr: float32(shown, pCtr),
      isAd: float32(shown, isAd),
      ...(itemDimensions === 0 ? {} : { items: float32([...shown, itemDimensions], items) }),
      ...(price === 'Threshold' ? { pivotPrice: float32(shown, pivot) } : {}),
    }
  }
}
