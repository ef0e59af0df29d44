/** What users really like: a model of the whole sequences, test included, which no ranker has seen. */
import { Random } from '../../../tensor/random.ts'
import { collaborativeFeatures } from '../../collaborative-features.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { sequenceOf } from '../../sequences.ts'

export interface AffinityFactors {
  readonly dimensions: number
  /** [items, dimensions], rows of unit length or zero. */
  readonly items: Float32Array
  /** [users, dimensions], rows of unit length or zero. */
  readonly users: Float32Array
}

const DIMENSIONS = 32
const WINDOW = 10

/** Factors of what is taken together; a user is the direction of the mean of what it takes, sooner or later. */
export async function affinityFactors(
  dataset: Dataset,
  seed: number,
  tick: () => Promise<void>,
): Promise<AffinityFactors> {
  const whole = {
    ...dataset,
    trainEnd: Uint32Array.from(dataset.trainEnd, (_, user) => dataset.offsets[user + 1] - dataset.offsets[user]),
  }
  const options = { dimensions: DIMENSIONS, window: WINDOW }
  const { dimensions, data } = await collaborativeFeatures(whole, options, new Random(seed, 'truth'), tick)
  const users = new Float32Array(dataset.userCount * dimensions)
  const sum = new Float64Array(dimensions)
  for (let user = 0; user < dataset.userCount; user++) {
    sum.fill(0)
    for (const item of sequenceOf(dataset, user)) {
      for (let index = 0; index < dimensions; index++) sum[index] += data[item * dimensions + index]
    }
    const norm = Math.hypot(...sum)
    if (norm === 0) continue
    for (let index = 0; index < dimensions; index++) users[user * dimensions + index] = sum[index] / norm
  }
  return { dimensions, items: data, users }
}
