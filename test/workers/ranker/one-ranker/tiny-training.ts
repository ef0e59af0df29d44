// All losses of a tiny OneRanker on one batch, as a training model.

import { catalogueSpecs, catalogueTensors, trieInputs } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { itemLosses } from '../../../../workers/ranker/ega/pretraining-model.ts'
import { allItems, itemsAt, tableOf } from '../../../../workers/ranker/ega/token-vectors.ts'
import {
  itemVectors,
  taskScores,
  userVectors,
  valueScores,
} from '../../../../workers/ranker/one-ranker/dual-channel.ts'
import { generate } from '../../../../workers/ranker/one-ranker/hstu.ts'
import { interestStates } from '../../../../workers/ranker/one-ranker/interest-heads.ts'
import {
  catalogueLosses,
  consistencyLoss,
  multiTokenLoss,
  pairwiseLoss,
} from '../../../../workers/ranker/one-ranker/losses.ts'
import { rankCandidates, rankingMemory } from '../../../../workers/ranker/one-ranker/ranking-decoder.ts'
import { refine } from '../../../../workers/ranker/one-ranker/refinement.ts'
import { type OneRankerShape, oneRankerLayout, taskCount } from '../../../../workers/ranker/one-ranker/shape.ts'
import { embedStream, streamSpecs, streamTensors } from '../../../../workers/ranker/one-ranker/stream.ts'
import type { Value } from '../../../../workers/tensor/graph.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import type { Parameters } from '../../../../workers/tensor/parameters.ts'
import { float32, int32, type Tensors } from '../../../../workers/tensor/session.ts'
import type { TrainingModel } from '../../../../workers/tensor/training-step.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { keep } from './whole-graph.ts'

export const itemCount = 12
const catalogue = smallCatalogue(itemCount)
const batch = 2
const candidates = 3

export interface Weights {
  readonly multiToken: number
  readonly rank: number
  readonly consistency: number
}

const outputsOf = (shape: OneRankerShape): number => (shape.refinement ? taskCount(shape) : shape.interestTokens)

type Inputs = Readonly<Record<string, Value>>

/** Losses of states [batch, outputs, hiddenSize] by the softmax over the trie. */
const byTree = (parameters: Parameters, shape: OneRankerShape, states: Value, inputs: Inputs): Value => {
  const { trie } = catalogue.items
  const tables = {
    token: inputs[trieInputs.token],
    content: inputs[trieInputs.content],
    entries: trie.token.length,
    rootChildren: trie.maxChildren[0],
  }
  const rows = op.reshape(states, [-1, shape.hiddenSize])
  const index = op.reshape(inputs.targets, [-1])
  const losses = itemLosses({ parameters, shape, trie: tables }, rows, index, inputs, trie.maxChildren, 0)
  return op.reshape(losses, inputs.targets.shape)
}

export const tinyTraining = (shape: OneRankerShape, weights: Weights): TrainingModel => ({
  layout: oneRankerLayout(shape),
  inputs: {
    ...catalogueSpecs(shape, catalogue.items, 0),
    ...streamSpecs(shape, batch),
    targets: { type: 'int32', shape: [batch, outputsOf(shape)] },
    weights: { type: 'float32', shape: [batch, outputsOf(shape)] },
    candidates: { type: 'int32', shape: [batch, candidates] },
    isAd: { type: 'float32', shape: [batch, candidates] },
    mask: { type: 'float32', shape: [batch, candidates] },
    labels: { type: 'float32', shape: [batch, candidates] },
    /** Added to f before it is what the generator is to agree with. */
    wanted: { type: 'float32', shape: [batch, candidates] },
  },
  loss(parameters, inputs) {
    const table = tableOf('item', inputs, shape.codebookSizes)
    const generated = generate(parameters, shape, embedStream(parameters, shape, table, inputs, keep), keep)
    const offered = itemsAt(parameters, shape, table, inputs.candidates)
    const refined = shape.refinement ? refine(parameters, shape, generated, keep) : undefined
    const parts: Value[] = []
    const f =
      shape.ranking &&
      rankCandidates(
        parameters,
        shape,
        rankingMemory(parameters, shape, generated, refined, keep),
        { items: offered, isAd: inputs.isAd },
        keep,
      )
    if (refined === undefined) {
      const states = interestStates(parameters, shape, generated.last)
      parts.push(
        op.scale(multiTokenLoss(byTree(parameters, shape, states, inputs), inputs.weights), weights.multiToken),
      )
    } else {
      const users = userVectors(parameters, shape, refined)
      const scores = taskScores(users, itemVectors(parameters, shape, allItems(parameters, shape, table)))
      const tree = op.scale(byTree(parameters, shape, refined.tasks, inputs), 0.5)
      const losses = op.add(catalogueLosses(scores, inputs.targets), tree)
      parts.push(op.scale(multiTokenLoss(losses, inputs.weights), weights.multiToken))
      const value = valueScores(shape, users, itemVectors(parameters, shape, offered))
      const target = f && weights.rank === 0 ? op.add(f, inputs.wanted) : inputs.wanted
      parts.push(op.scale(consistencyLoss(value, target, inputs.mask, 1.5), weights.consistency))
    }
    if (f) parts.push(op.scale(pairwiseLoss(f, inputs.labels, inputs.mask), weights.rank))
    return { loss: parts.reduce((sum, part) => op.add(sum, part)) }
  },
})

export const tinyBatch = (shape: OneRankerShape): Tensors => {
  const outputs = outputsOf(shape)
  const several = (from: readonly number[]) =>
    Array.from({ length: batch * outputs }, (_, at) => from[at % from.length])
  return {
    ...catalogueTensors(shape, { items: catalogue.items, creatives: undefined }),
    ...streamTensors(shape, [
      { items: Uint32Array.of(3, 1, 7), isAd: [0, 1, 0], times: [1e12, 1.00001e12, 1.0003e12], time: 1.001e12 },
      { items: new Uint32Array(0) },
    ]),
    targets: int32([batch, outputs], several([4, 9, 2, 11, 5, 0, 8])),
    weights: float32([batch, outputs], several([1, 0.5, 2, 0, 1, 1.5, 1])),
    candidates: int32([batch, candidates], [4, 9, 2, 11, 5, 0]),
    isAd: float32([batch, candidates], [1, 0, 1, 1, 0, 0]),
    mask: float32([batch, candidates], [1, 1, 1, 1, 1, 0]),
    labels: float32([batch, candidates], [0.1, 0.7, 0.3, 2, 0, 0]),
    wanted: float32([batch, candidates], [1, -2, 0.5, 3, 0.2, 0]),
  }
}
