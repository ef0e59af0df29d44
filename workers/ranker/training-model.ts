// The loss of a batch of sequences: the mean over all positions of -log p(next item).

import type { Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { Parameters } from '../tensor/parameters.ts'
import type { InputSpec, TrainingModel } from '../tensor/training-step.ts'
import { type RankerShape, rankerLayout } from './architecture.ts'
import { encode, encoderPlaces, excluded, itemVectors } from './backbone.ts'
import { codeLogits, decoderPlaces, nextState } from './code-decoder.ts'
import { type Dropout, type DropoutPlace, maskedDropout, maskInput } from './dropout.ts'

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
  target: (level: number) => `target.${level}`,
  possible: (level: number) => `possible.${level}`,
  weights: 'weights',
} as const

/** All places of dropout, with their shapes in a batch of this size. */
export const dropoutPlaces = (shape: RankerShape, { sequences, positions }: BatchSize): DropoutPlace[] => [
  ...encoderPlaces(shape, sequences, positions),
  ...decoderPlaces(shape, sequences * positions),
]

const inputSpecs = (shape: RankerShape, size: BatchSize, { dropout }: Regularization): Record<string, InputSpec> => {
  const rows = size.sequences * size.positions
  const read = size.sequences * (size.positions - 1)
  const specs: Record<string, InputSpec> = { [batchInputs.weights]: { type: 'float32', shape: [rows] } }
  for (const [level, entries] of shape.codebookSizes.entries()) {
    if (read > 0) specs[batchInputs.codes(level)] = { type: 'int32', shape: [read] }
    specs[batchInputs.target(level)] = { type: 'int32', shape: [rows] }
    // At the first level every code that an item has is possible, for whatever row: one mask for all.
    specs[batchInputs.possible(level)] = { type: 'bool', shape: [level === 0 ? 1 : rows, entries] }
  }
  if (read > 0 && shape.itemEmbeddings > 0) specs[batchInputs.index] = { type: 'int32', shape: [read] }
  if (read > 0) specs[batchInputs.features] = { type: 'float32', shape: [read, shape.featureDimensions] }
  if (dropout > 0)
    for (const place of dropoutPlaces(shape, size)) specs[maskInput(place.name)] = { type: 'bool', shape: place.shape }
  return specs
}

/** -log p of each row's target among the codes that are possible there, [rows]. */
const possibleCrossEntropy = (logits: Value, target: Value, possible: Value, smoothing: number): Value => {
  const among = op.where(possible, logits, excluded)
  if (smoothing === 0) return op.crossEntropyRows(among, target)
  const logProbabilities = op.logSoftmax(among)
  const hit = op.reshape(op.gatherElements(logProbabilities, op.reshape(target, [-1, 1]), 1), [-1])
  const flags = op.cast(possible, 'float32')
  const mean = op.div(
    op.reduceSum(op.where(possible, logProbabilities, 0), [1]),
    op.maximum(op.reduceSum(flags, [1]), 1),
  )
  return op.neg(op.add(op.scale(hit, 1 - smoothing), op.scale(mean, smoothing)))
}

const levelLosses = (
  parameters: Parameters,
  shape: RankerShape,
  states: Value,
  batch: Readonly<Record<string, Value>>,
  smoothing: number,
  drop: Dropout,
): Value[] => {
  let state = states
  return shape.codebookSizes.map((_, level) => {
    const target = batch[batchInputs.target(level)]
    const logits = codeLogits(parameters, level, state, drop)
    const rows = possibleCrossEntropy(logits, target, batch[batchInputs.possible(level)], smoothing)
    if (level < shape.codebookSizes.length - 1) state = nextState(parameters, level, state, target, drop)
    return rows
  })
}

/**
 * The training model for batches of one size. Its loss is the weighted mean over positions, in nats an item; the metric
 * `weight` is the sum of the weights, so that means of several batches can be joined.
 */
export const trainingModel = (shape: RankerShape, size: BatchSize, regularization: Regularization): TrainingModel => ({
  layout: rankerLayout(shape),
  inputs: inputSpecs(shape, size, regularization),
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
    const losses = levelLosses(parameters, shape, states, batch, regularization.labelSmoothing, drop)
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
