import type { TrainingSequences } from '../../../workers/data/co-occurrence.ts'
import { Random } from '../../../workers/tensor/random.ts'
import type { BuildOptions } from '../../../workers/tokenizer/build.ts'
import type { Catalogue } from '../../../workers/tokenizer/catalogue.ts'
import type { LearningRun } from '../../../workers/tokenizer/quantizer.ts'
import type { RqVaeOptions } from '../../../workers/tokenizer/rq-vae.ts'
import type { NetworkOptions } from '../../../workers/tokenizer/rq-vae-training.ts'

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

/** Points [count, 6] around centres that are four far corners plus four near ones each; mean zero. */
export function clusteredPoints(count: number): Float32Array {
  const dimensions = 6
  const random = new Random('clusters')
  const points = new Float32Array(count * dimensions)
  for (let point = 0; point < count; point++) {
    const far = point % 4
    const near = Math.floor(point / 4) % 4
    for (let column = 0; column < dimensions; column++) {
      const outer = column < 2 ? 3 * (((far >> column) & 1) * 2 - 1) : 0
      const inner = column >= 2 && column < 4 ? ((near >> (column - 2)) & 1) * 2 - 1 : 0
      points[point * dimensions + column] = outer + inner + 0.05 * random.normal()
    }
  }
  return points
}

/** One thread, and nobody listens. */
export const quietly: LearningRun = { threads: 1, onStep: async () => {} }

/** A network small enough to learn in a moment. */
export const smallNetwork: NetworkOptions = {
  hidden: [16],
  commitment: 0.25,
  learningRate: 0.01,
  epochs: 10,
  batchSize: 64,
  resetEpochs: 5,
}

export const smallRqVae: RqVaeOptions = { ...smallNetwork, latentDimensions: 4, standardize: true }

/** A matrix of standard normal numbers. */
export const normals = (length: number, ...labels: (string | number)[]): Float32Array => {
  const random = new Random('normals', ...labels)
  return Float32Array.from({ length }, () => random.normal())
}
