// Batches of training windows as the inputs of a step graph.

import type { Batch, Bucket } from '../data/batches.ts'
import type { TrainingWindows } from '../data/sequences.ts'
import type { TensorData } from '../tensor/graph.ts'
import { float32, int32 } from '../tensor/session.ts'
import { positionsOf, type RankerShape } from './architecture.ts'
import type { Catalogue } from './catalogue.ts'
import { batchInputs, itemColumns, positionColumns } from './training-model.ts'

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

const emptyInputs = (shape: RankerShape, catalogue: Catalogue, sequences: number, positions: number) => {
  const rows = sequences * positions
  const read = sequences * (positions - 1)
  const { featureDimensions, content, projection } = catalogue
  const entries = catalogue.trie.token.length
  const inputs: Record<string, TensorData> = { [batchInputs.weights]: float32([rows], new Float32Array(rows)) }
  for (const name of positionColumns(shape)) inputs[name] = int32([rows], new Int32Array(rows))
  inputs[batchInputs.token] = int32([entries], catalogue.tokens)
  if (shape.contentDimensions > 0) inputs[batchInputs.content] = float32([entries, projection.dimensions], content)
  if (read === 0) return inputs
  for (const name of itemColumns(shape)) inputs[name] = int32([read], new Int32Array(read))
  inputs[batchInputs.features] = float32([read, featureDimensions], new Float32Array(read * featureDimensions))
  return inputs
}

/** Writes items into the rows of a batch's inputs. */
const rowWriter = (catalogue: Catalogue, inputs: Record<string, TensorData>) => {
  const { codebookSizes, codes, levels, nodes, places, features, featureDimensions, trie } = catalogue
  const column = (name: string) => inputs[name]?.data as Int32Array | undefined
  const columns = codebookSizes.map((_, level) => ({
    read: column(batchInputs.codes(level)),
    target: column(batchInputs.target(level)),
    place: column(batchInputs.place(level)),
    first: column(batchInputs.first(level)),
    count: column(batchInputs.count(level)),
  }))
  const index = column(batchInputs.index)
  const vectors = inputs[batchInputs.features]?.data as Float32Array | undefined
  const put = (values: Int32Array | undefined, row: number, value: number): void => {
    if (values !== undefined) values[row] = value
  }
  return {
    input(item: number, row: number): void {
      put(index, row, item)
      for (const [level, { read }] of columns.entries()) put(read, row, codes[item * levels + level])
      const vector = features.subarray(item * featureDimensions, (item + 1) * featureDimensions)
      vectors?.set(vector, row * featureDimensions)
    },
    target(item: number, row: number): void {
      for (const [level, { target, place, first, count }] of columns.entries()) {
        const node = nodes[item * levels + level]
        put(target, row, codes[item * levels + level])
        put(place, row, places[item * levels + level])
        put(first, row, trie.start[node])
        put(count, row, trie.start[node + 1] - trie.start[node])
      }
    },
  }
}

/** The graph's inputs for a batch, dropout masks aside. Position t is to predict item t from those before it. */
export const batchTensors = (
  { items, targetMask, lengths, ...batch }: Batch,
  shape: RankerShape,
  catalogue: Catalogue,
): Record<string, TensorData> => {
  const inputs = emptyInputs(shape, catalogue, batch.batchSize, batch.length)
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
