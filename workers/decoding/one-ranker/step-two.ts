// Scores of step 2 for single candidates: one inner product each (Sec. 3.4), so that a few of them need no graph.

import type { OneRankerShape } from '../../ranker/one-ranker/shape.ts'
import { userOutputs } from './graphs.ts'
import type { ItemSide } from './item-side.ts'
import type { EncodedUser } from './user-cache.ts'

export interface StepTwoScores {
  /** Mean over the value tokens, by candidate. */
  readonly value: Float32Array
  /** Mean over the interest tokens. */
  readonly interest: Float32Array
}

/** @throws TypeError for a model without step 2 */
export function stepTwoScores(
  user: EncodedUser,
  candidates: ArrayLike<number>,
  items: ItemSide,
  shape: OneRankerShape,
): StepTwoScores {
  const vectors = user[userOutputs.vectors]
  if (vectors === undefined) throw new TypeError('A model without step 2 has no vectors of users')
  const { interestTokens, valueTokens } = shape
  const interest = meanVector(vectors, 0, interestTokens, items.width)
  const value = meanVector(vectors, interestTokens, valueTokens, items.width)
  return { value: products(value, candidates, items), interest: products(interest, candidates, items) }
}

/** A mean of inner products is the inner product of a mean. */
function meanVector(vectors: Float32Array, first: number, count: number, width: number): Float64Array {
  const mean = new Float64Array(width)
  for (let task = first; task < first + count; task++)
    for (let column = 0; column < width; column++) mean[column] += vectors[task * width + column] / count
  return mean
}

function products(vector: Float64Array, candidates: ArrayLike<number>, { enhanced, width }: ItemSide): Float32Array {
  const scores = new Float32Array(candidates.length)
  for (let candidate = 0; candidate < candidates.length; candidate++) {
    const from = candidates[candidate] * width
    let sum = 0
    for (let column = 0; column < width; column++) sum += vector[column] * enhanced[from + column]
    scores[candidate] = sum
  }
  return scores
}
