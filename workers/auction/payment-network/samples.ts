// What a payment network learns from: bidders of requests, and what would become of each under other bids of its own. The
// allocation is frozen by now, so that it is computed once, before training, with the request decoded anew for every bid
// (with the list held fixed, a bid of 0 would always pay).

import type { Random } from '../../tensor/random.ts'
import { inputsOfSlot, type PaymentShape } from './shape.ts'

/**
 * One sample is a bidder of a request: an ad, or an advertiser with several. Of each there are `variants`: truth, and
 * misreports. Bids are over their unit.
 */
export interface PaymentSamples {
  readonly count: number
  readonly variants: number
  /** Ads of one bidder in a list at most; places that a bidder leaves empty have no slot and no exposure. */
  readonly ads: number
  /** Index of the variant in which ads bid their values. */
  readonly truth: number
  /** Vectors of items [rows, itemDimensions], and the row of each [count, variants, ads]. */
  readonly vectors: Float32Array
  readonly vector: Uint32Array
  /** Slot of the ad in the list of this variant [count, variants, ads]; -1 where it is not listed. */
  readonly slot: Int32Array
  /** Bids of the other slots of that list in their order, 0 for organic entries [count, variants, ads, K - 1]. */
  readonly otherBids: Float32Array
  /** log z of the ad at its place, and its pCTR there [count, variants, ads]. */
  readonly logZ: Float32Array
  readonly pCtr: Float32Array
  /** What the others lose by the ad in that list, per click, 0 where it is not listed [count, variants, ads]. */
  readonly pivotPrice: Float32Array
  /** What the ad bids in this variant [count, variants, ads]. */
  readonly bid: Float32Array
  /** Whether it is shown, 0 or 1, or by how much, in between [count, variants, ads]; 0 wherever it has no slot. */
  readonly exposure: Float32Array
  /** Private value per click [count, variants, ads]. */
  readonly value: Float32Array
}

/** Samples that nothing can be learned from; trying again does not help. */
export class PaymentSamplesError extends Error {
  readonly reason: 'NoSamples' | 'NoneShown' | 'WrongSizes'
  readonly retryable = false

  constructor(reason: PaymentSamplesError['reason'], message: string) {
    super(message)
    this.name = 'PaymentSamplesError'
    this.reason = reason
  }
}

export interface ValueDraws {
  /** Values drawn of each bid (N_v). */
  readonly draws: number
  /** Standard deviation of the value's logarithm; 0: the bid itself. */
  readonly deviation: number
}

/** Private values around a logged bid, log-normal with the bid as their mean: the valuations of Eq. 7. */
export const drawValues = (bid: number, { draws, deviation }: ValueDraws, random: Random): Float64Array =>
  Float64Array.from({ length: draws }, () => bid * Math.exp(deviation * random.normal() - (deviation * deviation) / 2))

/** Group of each sample's multiplier [count]: the first slot that truth wins, or K where it wins none. */
export const groupsOf = ({ slot, variants, ads, truth, count }: PaymentSamples, listLength: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, sample) => {
    const won = slot[(sample * variants + truth) * ads]
    return won < 0 ? listLength : won
  })

/** Mean of value · pCTR over samples, as far as truth shows them: the unit of revenue and regret inside the loss. */
export const meanWelfare = ({ count, variants, ads, truth, value, pCtr, exposure }: PaymentSamples): number => {
  let sum = 0
  for (let sample = 0; sample < count; sample++) {
    const from = (sample * variants + truth) * ads
    for (let at = from; at < from + ads; at++) sum += value[at] * pCtr[at] * exposure[at]
  }
  return sum / Math.max(1, count)
}

/** @throws PaymentSamplesError */
export const checkSamples = (shape: PaymentShape, samples: PaymentSamples): void => {
  const { count, variants, ads, truth, vectors, vector, slot, otherBids } = samples
  const { logZ, pCtr, pivotPrice, bid, exposure, value } = samples
  if (count === 0)
    throw new PaymentSamplesError(
      'NoSamples',
      'No request has an eligible ad: the payment network has nothing to price',
    )
  const cells = count * variants * ads
  const perCell = [vector, slot, logZ, pCtr, pivotPrice, bid, exposure, value]
  const whole = perCell.every(({ length }) => length === cells)
  const rows = shape.itemDimensions === 0 ? Number.POSITIVE_INFINITY : vectors.length / shape.itemDimensions
  if (
    !whole ||
    !(truth >= 0 && truth < variants) ||
    otherBids.length !== cells * (shape.listLength - 1) ||
    vector.some((row) => row >= rows) ||
    slot.some((place) => place >= shape.listLength)
  )
    throw new PaymentSamplesError(
      'WrongSizes',
      `The samples are not of a network of ${shape.listLength} slots and ${inputsOfSlot(shape)} inputs each`,
    )
  if (!(meanWelfare(samples) > 0))
    throw new PaymentSamplesError('NoneShown', 'The allocation shows no ad of any value: there is nothing to price')
}
