// Parameters before the first step: random ones with the centres of the catalogue, or those of an earlier stage.

import { initialParameters, unpack } from '../../tensor/parameters.ts'
import { Random } from '../../tensor/random.ts'
import { kMeans } from '../../tokenizer/k-means.ts'
import { createNearestCentroids } from '../../tokenizer/nearest.ts'
import { itemVectorTable } from '../ega/item-vector-table.ts'
import type { CodedThings } from '../ega/token-vectors.ts'
import { type OneRankerShape, oneRankerLayout, oneRankerNames } from './shape.ts'

const kMeansIterations = 25

/** Random parameters; the centres of fake items are the k-means centres of the item vectors that follow from them. */
export async function initialOneRanker(
  shape: OneRankerShape,
  items: CodedThings,
  seed: number,
  threads: number,
): Promise<Float32Array> {
  const layout = oneRankerLayout(shape)
  const parameters = initialParameters(layout, seed)
  const centres = unpack(parameters, layout).get(oneRankerNames.centres)
  if (centres === undefined) return parameters
  const vectors = await itemVectorTable({ shape, layout, parameters }, items, { threads })
  const nearest = await createNearestCentroids(shape.hiddenSize)
  try {
    const { centroids } = await kMeans(vectors, {
      dimensions: shape.hiddenSize,
      size: shape.fakeItems,
      iterations: kMeansIterations,
      random: new Random(seed, 'centres'),
      nearest,
    })
    centres.set(centroids)
    return parameters
  } finally {
    await nearest.release()
  }
}

/** Sizes of steps 1 and 2 alone, whatever ranks behind them: runs that differ in step 3 share what is trained before it. */
export const generatorPart = (shape: OneRankerShape): OneRankerShape => ({
  ...shape,
  ranking: false,
  rankerLayers: 1,
  rankerMemory: 'Both',
})

/** The parameters of a generator that was trained alone, with a step 3 that has learned nothing. */
export function withRanker(shape: OneRankerShape, generator: Float32Array, seed: number): Float32Array {
  const layout = oneRankerLayout(shape)
  const parameters = initialParameters(layout, seed)
  const known = unpack(generator, oneRankerLayout(generatorPart(shape)))
  for (const [name, values] of unpack(parameters, layout)) {
    const trained = known.get(name)
    if (trained !== undefined) values.set(trained)
  }
  return parameters
}
