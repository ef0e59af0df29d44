// Lists drawn from the beam instead of its best, with the probability of what was shown.

import type { DecodedList } from '../decoding/decoder.ts'
import type { Random } from '../tensor/random.ts'

export interface ExplorationPolicy {
  /** Above 0. */
  readonly temperature: number
  /** Of requests whose list is drawn, 0 to 1. */
  readonly share: number
}

export interface Propensities {
  /** Of each entry at its position, given those before it. */
  readonly entries: Float64Array
  /** Natural logarithm of the probability of the whole list, the product of the above; it may be too small to write. */
  readonly logList: number
}

export interface ChosenList extends DecodedList, Propensities {
  /** Whether it was drawn; a drawn list can be the best one. */
  readonly drawn: boolean
}

/**
 * With probability `share` a list of Plackett and Luce over the beam, else its best `count`.
 *
 * @param beam best first
 * @param random of this request alone, so that the same request gets the same list
 */
export function chooseList(beam: DecodedList, count: number, policy: ExplorationPolicy, random: Random): ChosenList {
  const length = Math.min(count, beam.items.length)
  const drawn = random.uniform() < policy.share
  const order = drawn ? drawOrder(beam.scores, policy.temperature, length, random) : bestOrder(length)
  return {
    items: order.map((index) => beam.items[index]),
    scores: Float32Array.from(order, (index) => beam.scores[index]),
    drawn,
    ...propensitiesOf(beam.scores, order, policy),
  }
}

const bestOrder = (length: number): Uint32Array => Uint32Array.from({ length }, (_, index) => index)

/**
 * Draws without replacement, each next one with probability proportional to exp(score / temperature) among those left:
 * the largest of the scores with independent Gumbel noise, in order (Yellott 1977; as a sampler Kool, van
 * Hoof and Welling 2019, "Stochastic beams and where to find them").
 */
function drawOrder(scores: Float32Array, temperature: number, length: number, random: Random): Uint32Array {
  const keys = Float64Array.from(scores, (score) => score / temperature - Math.log(-Math.log(random.uniform())))
  const order = Uint32Array.from(scores.keys())
  return order.sort((one, other) => keys[other] - keys[one] || one - other).slice(0, length)
}

/**
 * Exact probabilities of the list that takes `order` from the beam. With w_i = exp(s_i / T), share e and the beam B,
 *
 *     drawn(l_1..l_j) = prod_{i <= j} w(l_i) / sum of w over B without l_1..l_{i-1}      (Plackett 1975; Luce 1959)
 *     P(l_1..l_j)     = (1 - e) [l_1..l_j are the best j, in order] + e drawn(l_1..l_j)
 *
 * The propensity of entry j given those before it is P(l_1..l_j) / P(l_1..l_{j-1}), with P of no entry 1; their product
 * is P of the list. What is not in the beam has probability 0.
 *
 * @param order indices into the beam; the best list is 0, 1, 2, ...
 */
export function propensitiesOf(scores: Float32Array, order: Uint32Array, policy: ExplorationPolicy): Propensities {
  const steps = logDrawn(scores, order, policy.temperature)
  const entries = new Float64Array(order.length)
  const logShare = Math.log(policy.share)
  // Logarithms of the two summands of P so far.
  let best = Math.log1p(-policy.share)
  let drawn = logShare
  let before = 0
  for (const [position, index] of order.entries()) {
    const stillBest = index === position ? best : Number.NEGATIVE_INFINITY
    drawn += steps[position]
    const now = logAdd(stillBest, drawn)
    entries[position] = Math.exp(now - before)
    best = stillBest
    before = now
  }
  return { entries, logList: before }
}

/**
 * Logarithm of each step of `drawn`. What is left after the last step is summed first and each entry added to it, from
 * the last to the first: taking entries from the whole would leave nothing but rounding once the best ones are gone.
 */
function logDrawn(scores: Float32Array, order: Uint32Array, temperature: number): Float64Array {
  const taken = new Uint8Array(scores.length)
  for (const index of order) taken[index] = 1
  let left = Number.NEGATIVE_INFINITY
  for (const [index, score] of scores.entries()) if (taken[index] === 0) left = logAdd(left, score / temperature)
  const steps = new Float64Array(order.length)
  for (let position = order.length - 1; position >= 0; position--) {
    const weight = scores[order[position]] / temperature
    left = logAdd(left, weight)
    steps[position] = weight - left
  }
  return steps
}

/** log(exp(a) + exp(b)). */
function logAdd(a: number, b: number): number {
  const larger = Math.max(a, b)
  return larger === Number.NEGATIVE_INFINITY ? larger : larger + Math.log1p(Math.exp(Math.min(a, b) - larger))
}
