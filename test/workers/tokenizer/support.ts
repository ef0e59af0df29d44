import type { TrainingSequences } from '../../../workers/data/co-occurrence.ts'
import { Random } from '../../../workers/tensor/random.ts'
import type { BuildOptions } from '../../../workers/tokenizer/build.ts'
import type { Catalogue } from '../../../workers/tokenizer/catalogue.ts'

export type TestDataset = Catalogue & TrainingSequences

export interface TestDatasetOptions {
  readonly itemText?: (item: number) => string
  readonly itemAttributes?: (item: number) => string[]
  readonly embeddings?: { dim: number; data: Float32Array }
  /** Length of each user's training part; absent: all but the last two. */
  readonly trainEnd?: readonly number[]
}

/** A dataset in memory. */
export function testDataset(
  itemCount: number,
  sequences: readonly (readonly number[])[],
  options: TestDatasetOptions = {},
): TestDataset {
  const offsets = [0]
  for (const sequence of sequences) offsets.push((offsets.at(-1) ?? 0) + sequence.length)
  return {
    itemCount,
    userCount: sequences.length,
    itemText: options.itemText ?? (() => ''),
    itemAttributes: options.itemAttributes ?? (() => []),
    embeddings: options.embeddings,
    offsets: Uint32Array.from(offsets),
    events: Uint32Array.from(sequences.flat()),
    trainEnd: Uint32Array.from(options.trainEnd ?? sequences.map(({ length }) => Math.max(0, length - 2))),
  }
}

export const groupNames = ['nail lacquer red', 'shampoo dry hair', 'face cream night', 'perfume rose spray']

/** Items of four groups by remainder; texts name the group and a number word, users stay within a group. */
export function groupedDataset(itemCount: number, userCount: number, seed = 1): TestDataset {
  const random = new Random(seed, 'grouped')
  const perGroup = Math.floor(itemCount / 4)
  const sequences = Array.from({ length: userCount }, (_, user) =>
    Array.from({ length: 8 }, () => (user % 4) + 4 * random.below(perGroup)),
  )
  return testDataset(itemCount, sequences, {
    itemText: (item) => `${groupNames[item % 4]} number${item >> 3}`,
    itemAttributes: (item) => [`Brand ${item % 8}`, `Group ${item % 4}`],
  })
}

export const smallBuild: BuildOptions = {
  features: {
    text: { dimensions: 16, ngrams: 2, buckets: 4096, weight: 1 },
    collaborative: { dimensions: 8, window: 5, weight: 1 },
  },
  levels: 3,
  codebookSize: 8,
  iterations: 20,
  collisions: 'Reassign',
  seed: 7,
}

/** A matrix of standard normal numbers. */
export const normals = (length: number, ...labels: (string | number)[]): Float32Array => {
  const random = new Random('normals', ...labels)
  return Float32Array.from({ length }, () => random.normal())
}
