// The loss of a batch of sequences: the mean over all positions of -log p(next item).

import type { Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { InputSpec, TrainingModel } from '../tensor/training-step.ts'
import type { Trie } from '../tokenizer/trie.ts'
import { type RankerShape, rankerLayout } from './architecture.ts'
import { encode, encoderPlaces, itemVectors } from './backbone.ts'
import { childrenOf, childScores, decoderPlaces, nextState, rootScores, type Scorer } from './code-decoder.ts'
import { type DropoutPlace, maskedDropout, maskInput } from './dropout.ts'

export interface Regularization {
  /** Share of activations dropped. */
  readonly dropout: number
  /** Share of the target given alike to all codes that are possible there. */
  readonly labelSmoothing: number
}

/** Sequences of a step and positions of each, the start included; all batches of one size share a graph. */
export interface BatchSize {
  readonly sequences: number
  readonly positions: number
}

export const batchInputs = {
  index: 'index',
  codes: (level: number) => `codes.${level}`,
  features: 'features',
  /** Code of the next item. */
  target: (level: number) => `target.${level}`,
  /** Place of that code among the children of the node before it, and the entries of these. */
  place: (level: number) => `place.${level}`,
  first: (level: number) => `first.${level}`,
  count: (level: number) => `count.${level}`,
  weights: 'weights',
  token: 'trie.token',
  content: 'trie.content',
} as const

/** All places of dropout, with their shapes in a batch of this size. */
export const dropoutPlaces = (shape: RankerShape, { sequences, positions }: BatchSize): DropoutPlace[] => [
  ...encoderPlaces(shape, sequences, positions),
  ...decoderPlaces(shape, sequences * positions),
]

/** Names of the inputs that hold an int32 for each position. */
export const positionColumns = ({ codebookSizes }: Pick<RankerShape, 'codebookSizes'>): string[] =>
  codebookSizes.flatMap((_, level) => {
    const columns = [batchInputs.target(level), batchInputs.place(level)]
    return level === 0 ? columns : [...columns, batchInputs.first(level), batchInputs.count(level)]
  })

/** Names of the inputs that hold an int32 for each item that is read. */
export const itemColumns = ({ codebookSizes, itemEmbeddings }: RankerShape): string[] => [
  ...codebookSizes.map((_, level) => batchInputs.codes(level)),
  ...(itemEmbeddings > 0 ? [batchInputs.index] : []),
]

const inputSpecs = (
  shape: RankerShape,
  entries: number,
  size: BatchSize,
  { dropout }: Regularization,
): Record<string, InputSpec> => {
  const rows = size.sequences * size.positions
  const read = size.sequences * (size.positions - 1)
  const specs: Record<string, InputSpec> = {
    [batchInputs.weights]: { type: 'float32', shape: [rows] },
    [batchInputs.token]: { type: 'int32', shape: [entries] },
  }
  for (const name of positionColumns(shape)) specs[name] = { type: 'int32', shape: [rows] }
  if (shape.contentDimensions > 0)
    specs[batchInputs.content] = { type: 'float32', shape: [entries, shape.contentDimensions] }
  if (read > 0) {
    for (const name of itemColumns(shape)) specs[name] = { type: 'int32', shape: [read] }
    specs[batchInputs.features] = { type: 'float32', shape: [read, shape.featureDimensions] }
  }
  if (dropout > 0)
    for (const place of dropoutPlaces(shape, size)) specs[maskInput(place.name)] = { type: 'bool', shape: place.shape }
  return specs
}

type Batch = Readonly<Record<string, Value>>

/** -log p of each row's target, [rows]. */
export const crossEntropy = (scores: Value, target: Value, present: Value | undefined, smoothing: number): Value => {
  if (smoothing === 0) return op.crossEntropyRows(scores, target)
  const logProbabilities = op.logSoftmax(scores)
  const hit = op.reshape(op.gatherElements(logProbabilities, op.reshape(target, [-1, 1]), 1), [-1])
  if (present === undefined) {
    const mean = op.reduceMean(logProbabilities, [1])
    return op.neg(op.add(op.scale(hit, 1 - smoothing), op.scale(mean, smoothing)))
  }
  const sum = op.reduceSum(op.where(present, logProbabilities, 0), [1])
  const mean = op.div(sum, op.maximum(op.reduceSum(op.cast(present, 'float32'), [1]), 1))
  return op.neg(op.add(op.scale(hit, 1 - smoothing), op.scale(mean, smoothing)))
}

const levelLosses = (
  scorer: Scorer,
  maxChildren: readonly number[],
  states: Value,
  batch: Batch,
  smoothing: number,
) => {
  let state = states
  return maxChildren.map((most, level) => {
    const place = batch[batchInputs.place(level)]
    const children =
      level === 0
        ? undefined
        : childrenOf(scorer.trie, batch[batchInputs.first(level)], batch[batchInputs.count(level)], most)
    const scores = children === undefined ? rootScores(scorer, state) : childScores(scorer, level, state, children)
    if (level < maxChildren.length - 1) state = nextState(scorer, level, state, batch[batchInputs.target(level)])
    return crossEntropy(scores, place, children?.present, smoothing)
  })
}

/**
 * The training model for batches of one size. Its loss is the weighted mean over positions, in nats an item; the metric
 * `weight` is the sum of the weights, so that means of several batches can be joined.
 */
export const trainingModel = (
  shape: RankerShape,
  trie: Pick<Trie, 'maxChildren' | 'nodeCount'>,
  size: BatchSize,
  regularization: Regularization,
): TrainingModel => ({
  layout: rankerLayout(shape),
  inputs: inputSpecs(shape, trie.nodeCount - 1, size, regularization),
  loss(parameters, batch) {
    const { sequences, positions } = size
    const drop = maskedDropout(batch, regularization.dropout)
    const read = {
      index: batch[batchInputs.index],
      codes: shape.codebookSizes.map((_, level) => batch[batchInputs.codes(level)]),
      features: batch[batchInputs.features],
    }
    const items =
      positions === 1
        ? undefined
        : op.reshape(itemVectors(parameters, shape, read), [sequences, positions - 1, shape.hiddenSize])
    const states = encode(parameters, shape, items, { batch: sequences, positions }, drop)
    const tables = {
      token: batch[batchInputs.token],
      content: batch[batchInputs.content],
      entries: trie.nodeCount - 1,
      rootChildren: trie.maxChildren[0],
    }
    const scorer = { parameters, shape, trie: tables, drop }
    const losses = levelLosses(scorer, trie.maxChildren, states, batch, regularization.labelSmoothing)
    const weights = batch[batchInputs.weights]
    const total = op.reduceSum(weights)
    const sum = op.reduceSum(
      op.mul(
        losses.reduce((joined, rows) => op.add(joined, rows)),
        weights,
      ),
    )
    return { loss: op.div(sum, op.maximum(total, 1)), metrics: { weight: total } }
  },
})
