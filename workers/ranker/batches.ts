// Batches of training windows as the inputs of a step graph.

import type { Batch, Bucket } from '../data/batches.ts'
import type { TrainingWindows } from '../data/sequences.ts'
import type { TensorData } from '../tensor/graph.ts'
import { bool, float32, int32 } from '../tensor/session.ts'
import { positionsOf, type RankerShape } from './architecture.ts'
import { type Catalogue, markChildren } from './catalogue.ts'
import { batchInputs } from './training-model.ts'

/** A graph is worth its making when it has so many full batches in an epoch. */
const batchesOfAGraph = 2

/** Elements of one attention matrix of all sequences and heads of a batch; bounds the memory of long histories. */
const attentionLimit = 1 << 25

/** Sequences of a batch: `batchSize`, fewer where long ones would need too much memory. */
const sequencesOf = (shape: RankerShape, batchSize: number, length: number): number =>
  Math.max(1, Math.min(batchSize, Math.floor(attentionLimit / (shape.heads * length * length))))

/** Lengths four tenths apart, up to the greatest: fewer graphs need less memory, more of them compute less padding. */
const candidateLengths = (greatest: number): number[] => {
  const lengths: number[] = []
  for (let length = 2; length < greatest; length = Math.max(length + 1, Math.ceil(length * 1.4))) lengths.push(length)
  return [...lengths, greatest]
}

/** Sizes of batches for these windows: by length, so that little is padded, and few, as each has a graph of its own. */
export const bucketsFor = (windows: TrainingWindows, shape: RankerShape, batchSize: number): Bucket[] => {
  const lengths = Array.from({ length: windows.count }, (_, index) => windows.end[index] - windows.start[index])
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1)
  const buckets: Bucket[] = []
  let above = 0
  for (const length of candidateLengths(Math.min(longest, positionsOf(shape)))) {
    const bucket = { length, batchSize: sequencesOf(shape, batchSize, length) }
    const members = lengths.filter((each) => each > above && each <= length).length
    if (members < batchesOfAGraph * bucket.batchSize && length < longest) continue
    buckets.push(bucket)
    above = length
  }
  return buckets
}

const emptyInputs = (
  catalogue: Catalogue,
  hasIndex: boolean,
  sequences: number,
  positions: number,
): Record<string, TensorData> => {
  const rows = sequences * positions
  const read = sequences * (positions - 1)
  const inputs: Record<string, TensorData> = { [batchInputs.weights]: float32([rows], new Float32Array(rows)) }
  for (const [level, entries] of catalogue.codebookSizes.entries()) {
    if (read > 0) inputs[batchInputs.codes(level)] = int32([read], new Int32Array(read))
    inputs[batchInputs.target(level)] = int32([rows], new Int32Array(rows))
    const masks = level === 0 ? 1 : rows
    inputs[batchInputs.possible(level)] = bool([masks, entries], new Uint8Array(masks * entries))
  }
  markChildren(catalogue, 0, inputs[batchInputs.possible(0)].data as Uint8Array)
  const { featureDimensions } = catalogue
  if (read > 0 && hasIndex) inputs[batchInputs.index] = int32([read], new Int32Array(read))
  if (read > 0)
    inputs[batchInputs.features] = float32([read, featureDimensions], new Float32Array(read * featureDimensions))
  return inputs
}

/** Writes items into the rows of a batch's inputs. */
const rowWriter = (catalogue: Catalogue, inputs: Record<string, TensorData>) => {
  const { codebookSizes, codes, levels, nodes, features, featureDimensions } = catalogue
  const column = (name: (level: number) => string) =>
    codebookSizes.map((_, level) => inputs[name(level)]?.data as Int32Array | undefined)
  const read = column(batchInputs.codes)
  const targets = column(batchInputs.target)
  const possible = codebookSizes.map((_, level) => inputs[batchInputs.possible(level)].data as Uint8Array)
  const index = inputs[batchInputs.index]?.data as Int32Array | undefined
  const vectors = inputs[batchInputs.features]?.data as Float32Array | undefined
  return {
    input(item: number, row: number): void {
      for (const [level, column] of read.entries()) if (column !== undefined) column[row] = codes[item * levels + level]
      if (index !== undefined) index[row] = item
      const vector = features.subarray(item * featureDimensions, (item + 1) * featureDimensions)
      vectors?.set(vector, row * featureDimensions)
    },
    target(item: number, row: number): void {
      for (const [level, column] of targets.entries())
        if (column !== undefined) column[row] = codes[item * levels + level]
      for (let level = 1; level < levels; level++) {
        const entries = codebookSizes[level]
        const flags = possible[level].subarray(row * entries, (row + 1) * entries)
        markChildren(catalogue, nodes[item * levels + level], flags)
      }
    },
  }
}

/**
 * The graph's inputs for a batch, dropout masks aside. Position t is to predict item t from those before it.
 * @param hasIndex whether items have embeddings of their own
 */
export const batchTensors = (
  { items, targetMask, lengths, ...batch }: Batch,
  catalogue: Catalogue,
  hasIndex: boolean,
): Record<string, TensorData> => {
  const inputs = emptyInputs(catalogue, hasIndex, batch.batchSize, batch.length)
  const weights = inputs[batchInputs.weights].data as Float32Array
  const write = rowWriter(catalogue, inputs)
  for (let sequence = 0; sequence < batch.rows; sequence++) {
    for (let position = 0; position < lengths[sequence]; position++) {
      const row = sequence * batch.length + position
      weights[row] = targetMask[row]
      write.target(items[row], row)
      if (position < batch.length - 1) write.input(items[row], sequence * (batch.length - 1) + position)
    }
  }
  return inputs
}
