// What the generator says of given candidates, before step 3: one inner product each (Sec. 3.4), so that a few of them
// need no graph; without step 2 the probability of an item through the tree of semantic ids.

import type { OneRankerShape } from '../../ranker/one-ranker/shape.ts'
import type { CatalogueScores } from './catalogue-scores.ts'
import { userOutputs } from './graphs.ts'
import type { ItemSide } from './item-side.ts'
import type { EncodedUser } from './user-cache.ts'

export interface GeneratorScores {
  /** Mean over the value tokens, by candidate; absent without step 2. */
  readonly value?: Float32Array
  /** Mean over the interest tokens; without step 2 the logarithm of the mean of the heads' probabilities. */
  readonly interest: Float32Array
}

/** What the generator orders by. */
export const generatorScore = ({ value, interest }: GeneratorScores): Float32Array => value ?? interest

export interface StepTwoOptions {
  readonly shape: OneRankerShape
  readonly side: ItemSide
  /** Asked by a model without step 2 alone. */
  catalogue(): Promise<CatalogueScores>
}

/** @param candidates of each user */
export async function generatorScores(
  users: readonly EncodedUser[],
  candidates: readonly Uint32Array[],
  { shape, side, catalogue }: StepTwoOptions,
): Promise<GeneratorScores[]> {
  if (shape.refinement) return users.map((user, index) => innerProducts(user, candidates[index], side, shape))
  const found: GeneratorScores[] = []
  for await (const heads of (await catalogue()).scores(users))
    found.push({ interest: Float32Array.from(candidates[found.length], (item) => logMean(heads, item)) })
  return found
}

function logMean(heads: readonly Float32Array[], item: number): number {
  const greatest = heads.reduce((most, head) => Math.max(most, head[item]), Number.NEGATIVE_INFINITY)
  const sum = heads.reduce((total, head) => total + Math.exp(head[item] - greatest), 0)
  return greatest + Math.log(sum / heads.length)
}

function innerProducts(user: EncodedUser, candidates: Uint32Array, side: ItemSide, shape: OneRankerShape) {
  const vectors = user[userOutputs.vectors]
  const { interestTokens, valueTokens } = shape
  return {
    value: products(meanVector(vectors, interestTokens, valueTokens, side.width), candidates, side),
    interest: products(meanVector(vectors, 0, interestTokens, side.width), candidates, side),
  }
}

/** A mean of inner products is the inner product of a mean. */
function meanVector(vectors: Float32Array, first: number, count: number, width: number): Float64Array {
  const mean = new Float64Array(width)
  for (let task = first; task < first + count; task++)
    for (let column = 0; column < width; column++) mean[column] += vectors[task * width + column] / count
  return mean
}

function products(vector: Float64Array, candidates: Uint32Array, { enhanced, width }: ItemSide): Float32Array {
  return Float32Array.from(candidates, (item) => {
    const from = item * width
    let sum = 0
    for (let column = 0; column < width; column++) sum += vector[column] * enhanced[from + column]
    return sum
  })
}
