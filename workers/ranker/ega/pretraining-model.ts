// The loss of interest-based pre-training (Eq. 27 to 29): cross-entropy of the items of a list, and of their creatives.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { InputSpec, TrainingModel } from '../../tensor/training-step.ts'
import type { Catalogue } from '../catalogue.ts'
import { childrenOf, childScores, rootScores, type Scorer, type TrieTables } from '../code-decoder.ts'
import { type DropoutPlace, maskedDropout, maskInput } from '../dropout.ts'
import { crossEntropy, type Regularization } from '../training-model.ts'
import { creativeLogits } from './creative-head.ts'
import { type DecoderMemory, decodeLists, decoderMemory, multiTokenStates } from './decoder.ts'
import { encodeHistory } from './encoder.ts'
import { catalogueSpecs, trieInputs } from './generator-catalogue.ts'
import {
  alternates,
  decoderPositions,
  encoderPositions,
  type GeneratorShape,
  generatorLayout,
} from './generator-shape.ts'
import { historyInputs } from './history-tensors.ts'
import { historyVectors } from './history-vectors.ts'
import { creativesAt, itemsAt, tableOf } from './token-vectors.ts'

type Inputs = Readonly<Record<string, Value>>

/** Inputs of a batch of `batch` lists; -1 stands for no creative, anything beyond the end of a list. */
export const listInputs = {
  items: 'list',
  creatives: 'list.creatives',
  weights: 'list.weights',
  creativeWeights: 'list.creatives.weights',
} as const

export const batchSpecs = (shape: GeneratorShape, batch: number): Record<string, InputSpec> => {
  const { historyLength, listLength, creatives } = shape
  const history: InputSpec = { type: 'int32', shape: [batch, historyLength] }
  const list: InputSpec = { type: 'int32', shape: [batch, listLength] }
  const weights: InputSpec = { type: 'float32', shape: [batch, listLength] }
  return {
    [historyInputs.items]: history,
    [historyInputs.length]: { type: 'int32', shape: [batch] },
    [listInputs.items]: list,
    [listInputs.weights]: weights,
    ...(creatives === undefined
      ? {}
      : {
          [historyInputs.creatives]: history,
          [listInputs.creatives]: list,
          [listInputs.creativeWeights]: weights,
        }),
  }
}

/** Where a generator drops activations in a batch of lists. */
export const generatorPlaces = (shape: GeneratorShape, batch: number): DropoutPlace[] => {
  const { hiddenSize, layers, listLength, codebookSizes, creatives, creativePrediction } = shape
  const rows = (positions: number) => [batch * positions, hiddenSize]
  const encoded = rows(encoderPositions(shape))
  const decoded = rows(decoderPositions(shape))
  const place = (name: string, size: number[]): DropoutPlace => ({ name, shape: size })
  const blocks = Array.from({ length: layers }, (_, layer) => [
    ...['self', 'fed'].map((part) => place(`encoder.${layer}.${part}`, encoded)),
    ...['self', 'cross', 'fed'].map((part) => place(`decoder.${layer}.${part}`, decoded)),
  ]).flat()
  const multiToken =
    creatives === undefined || creativePrediction === 'NextToken'
      ? []
      : ['self', 'cross', 'fed'].map((part) => place(`mtp.${part}`, rows(listLength)))
  const levels = codebookSizes.map((_, level) => place(`level.${level}.output`, rows(listLength)))
  return [place('encoder.input', encoded), place('decoder.input', decoded), ...blocks, ...multiToken, ...levels]
}

/** Memory of the histories of a batch. */
export const batchMemory = (
  parameters: Parameters,
  shape: GeneratorShape,
  inputs: Inputs,
  drop: (place: string, value: Value) => Value,
): DecoderMemory => {
  const { codebookSizes, creatives } = shape
  const tables = {
    item: tableOf('item', inputs, codebookSizes),
    creative: creatives && tableOf('creative', inputs, creatives.codebookSizes),
  }
  const history = historyVectors(parameters, shape, tables, {
    items: inputs[historyInputs.items],
    creatives: creatives && inputs[historyInputs.creatives],
    length: inputs[historyInputs.length],
  })
  return decoderMemory(parameters, shape, encodeHistory(parameters, shape, history, drop))
}

/** States that items, and creatives, are predicted from, [batch * listLength, hiddenSize] each. */
export const listStates = (
  parameters: Parameters,
  shape: GeneratorShape,
  inputs: Inputs,
  memory: DecoderMemory,
  drop: (place: string, value: Value) => Value,
): { items: Value; creatives: Value | undefined } => {
  const { hiddenSize, listLength, creatives } = shape
  const list = inputs[listInputs.items]
  const batch = Number(list.shape[0])
  const items = itemsAt(parameters, shape, tableOf('item', inputs, shape.codebookSizes), list)
  const flat = (value: Value) => op.reshape(value, [batch * listLength, hiddenSize])
  if (creatives !== undefined && alternates(shape)) {
    const table = tableOf('creative', inputs, creatives.codebookSizes)
    const shown = creativesAt(parameters, shape, table, inputs[listInputs.creatives])
    const pairs = op.concat(
      [items, shown].map((value) => op.reshape(value, [batch, listLength, 1, hiddenSize])),
      2,
    )
    const tokens = op.slice(op.reshape(pairs, [batch, 1, 2 * listLength, hiddenSize]), 2, 0, 2 * listLength - 1)
    const rows = { groups: batch, lists: 1, positions: 2 * listLength }
    const states = decodeLists(parameters, shape, tokens, rows, memory, drop)
    const [before, after] = op.split(op.reshape(states, [batch * listLength, 2, hiddenSize]), 1, [1, 1])
    return { items: flat(before), creatives: flat(after) }
  }
  const rows = { groups: batch, lists: 1, positions: listLength }
  const earlier =
    listLength === 1
      ? undefined
      : op.reshape(op.slice(items, 1, 0, listLength - 1), [batch, 1, listLength - 1, hiddenSize])
  const states = decodeLists(parameters, shape, earlier, rows, memory, drop)
  if (creatives === undefined) return { items: states, creatives: undefined }
  return {
    items: states,
    creatives: multiTokenStates(parameters, shape, { states, items: flat(items) }, rows, memory, drop),
  }
}

/** Codes and content of the trie, from the inputs of `catalogueSpecs`. */
export const trieTables = (inputs: Inputs, { trie }: Pick<Catalogue, 'trie'>): TrieTables => ({
  token: inputs[trieInputs.token],
  content: inputs[trieInputs.content],
  entries: trie.token.length,
  rootChildren: trie.maxChildren[0],
})

/**
 * -log P of an item given a state, [rows] (Eq. 27).
 * @param states [rows, hiddenSize]
 * @param index the items, int32 [rows]
 * @param inputs those of `trieInputs`
 * @param most children of a node of each level at most
 */
export const itemLosses = (
  scorer: Scorer,
  states: Value,
  index: Value,
  inputs: Inputs,
  most: readonly number[],
  smoothing: number,
): Value => {
  const losses = most.map((children, level) => {
    const place = op.gather(inputs[trieInputs.place(level)], index)
    if (level === 0) return crossEntropy(rootScores(scorer, states), place, undefined, smoothing)
    const node = op.gather(inputs[trieInputs.node(level)], index)
    const first = op.gather(inputs[trieInputs.start], node)
    const count = op.sub(op.gather(inputs[trieInputs.start], op.add(node, 1)), first)
    const found = childrenOf(scorer.trie, first, count, children)
    return crossEntropy(childScores(scorer, level, states, found), place, found.present, smoothing)
  })
  return losses.reduce((sum, each) => op.add(sum, each))
}

/** -log P of the creative of each item (Eq. 28). */
const creativeLosses = (parameters: Parameters, shape: GeneratorShape, states: Value, inputs: Inputs): Value => {
  const index = op.maximum(op.reshape(inputs[listInputs.creatives], [-1]), 0)
  const table = tableOf('creative', inputs, shape.creatives?.codebookSizes ?? [])
  return creativeLogits(parameters, shape, states)
    .map((logits, level) => op.crossEntropyRows(logits, op.gather(table.codes[level], index)))
    .reduce((sum, each) => op.add(sum, each))
}

const weightedMean = (losses: Value, weights: Value): Value => {
  const flat = op.reshape(weights, [-1])
  return op.div(op.reduceSum(op.mul(losses, flat)), op.maximum(op.reduceSum(flat), 1e-6))
}

/** The training model of batches of `batch` lists. Metrics: itemLoss and creativeLoss in nats. */
export const pretrainingModel = (
  shape: GeneratorShape,
  catalogue: Pick<Catalogue, 'itemCount' | 'trie'>,
  creativeCount: number,
  { batch, regularization }: { readonly batch: number; readonly regularization: Regularization },
): TrainingModel => {
  const { dropout, labelSmoothing } = regularization
  const places = dropout > 0 ? generatorPlaces(shape, batch) : []
  return {
    layout: generatorLayout(shape),
    inputs: {
      ...catalogueSpecs(shape, catalogue, creativeCount),
      ...batchSpecs(shape, batch),
      ...Object.fromEntries(places.map((place) => [maskInput(place.name), { type: 'bool', shape: place.shape }])),
    },
    loss(parameters, inputs) {
      const drop = maskedDropout(inputs, dropout)
      const memory = batchMemory(parameters, shape, inputs, drop)
      const states = listStates(parameters, shape, inputs, memory, drop)
      const scorer: Scorer = { parameters, shape, trie: trieTables(inputs, catalogue), drop }
      const index = op.reshape(inputs[listInputs.items], [-1])
      const items = itemLosses(scorer, states.items, index, inputs, catalogue.trie.maxChildren, labelSmoothing)
      const itemLoss = weightedMean(items, inputs[listInputs.weights])
      if (states.creatives === undefined) return { loss: itemLoss, metrics: { itemLoss } }
      const creatives = creativeLosses(parameters, shape, states.creatives, inputs)
      const creativeLoss = weightedMean(creatives, inputs[listInputs.creativeWeights])
      return { loss: op.add(itemLoss, creativeLoss), metrics: { itemLoss, creativeLoss } }
    },
  }
}
