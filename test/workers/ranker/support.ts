// Small catalogues and models for the tests of ranker and decoding.

import type { Dataset } from '../../../workers/data/dataset-reader.ts'
import { type RankerShape, rankerLayout } from '../../../workers/ranker/architecture.ts'
import { type Catalogue, openCatalogue } from '../../../workers/ranker/catalogue.ts'
import { principalDirections } from '../../../workers/ranker/content.ts'
import { initialParameters } from '../../../workers/tensor/parameters.ts'
import { Random } from '../../../workers/tensor/random.ts'

/** Items with random unique codes and random features. */
export const randomCatalogue = (
  seed: number,
  { items, levels, entries, features = 6 }: { items: number; levels: number; entries: number; features?: number },
): Catalogue => {
  const random = new Random(seed, 'catalogue')
  const paths = random.permutation(entries ** levels).subarray(0, items)
  const codes = new Uint16Array(items * levels)
  for (const [item, path] of paths.entries())
    for (let level = 0; level < levels; level++)
      codes[item * levels + level] = Math.floor(path / entries ** (levels - 1 - level)) % entries
  const coded = {
    itemCount: items,
    levels,
    codebookSizes: Array.from({ length: levels }, () => entries),
    codes,
    featureDimensions: features,
    features: Float32Array.from({ length: items * features }, () => random.normal()),
  }
  const dimensions = 3
  return openCatalogue(coded, { dimensions, directions: principalDirections(coded.features, features, dimensions) })
}

export const smallShape = (catalogue: Catalogue, historyLength = 5): RankerShape => ({
  layers: 2,
  hiddenSize: 16,
  heads: 2,
  feedForwardSize: 24,
  historyLength,
  codebookSizes: catalogue.codebookSizes,
  featureDimensions: catalogue.featureDimensions,
  itemEmbeddings: catalogue.itemCount,
  contentDimensions: catalogue.projection.dimensions,
})

/** Parameters away from their usual start, so that every one of them matters. */
export const randomParameters = (shape: RankerShape, seed: number): Float32Array => {
  const random = new Random(seed, 'parameters')
  return initialParameters(rankerLayout(shape), seed).map((value) => value + 0.2 * random.normal())
}

/** A dataset of these sequences, the last two items of each for validation and test. */
export const datasetOf = (sequences: readonly (readonly number[])[], itemCount: number): Dataset => {
  const offsets = new Uint32Array(sequences.length + 1)
  for (const [user, sequence] of sequences.entries()) offsets[user + 1] = offsets[user] + sequence.length
  return {
    digest: `sha256:${'0'.repeat(64)}`,
    itemCount,
    userCount: sequences.length,
    itemIds: Array.from({ length: itemCount }, (_, item) => `item-${item}`),
    userIds: sequences.map((_, user) => `user-${user}`),
    itemText: () => '',
    itemAttributes: () => [],
    offsets,
    events: Uint32Array.from(sequences.flat()),
    trainEnd: Uint32Array.from(sequences, ({ length }) => Math.max(0, length - 2)),
    validationEnd: Uint32Array.from(sequences, ({ length }) => Math.max(0, length - 1)),
    findUser: () => undefined,
    findItem: () => undefined,
  }
}
