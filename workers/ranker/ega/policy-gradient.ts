// The loss of post-training: -sum r_i log z_i over the lists that were chosen (Eq. 32), with all positions in one pass,
// and the divergence from the pre-trained generator where the whole of it is trained.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import { type Parameters, parametersOf } from '../../tensor/parameters.ts'
import type { InputSpec, TrainingModel } from '../../tensor/training-step.ts'
import type { Catalogue } from '../catalogue.ts'
import { catalogueSpecs, trieInputs } from './generator-catalogue.ts'
import { type GeneratorShape, generatorLayout } from './generator-shape.ts'
import { type CandidateLevel, itemHead } from './item-head.ts'
import { batchMemory, batchSpecs, listStates } from './pretraining-model.ts'

export const policyInputs = {
  entry: (level: number) => `level.${level}.entry`,
  parent: (level: number) => `level.${level}.parent`,
  logWeight: (level: number) => `level.${level}.logWeight`,
  /** Candidate at each slot, int32 [batch, listLength]; anything where the advantage is 0. */
  chosen: 'chosen',
  /** r_i less the baseline, 0 beyond the end of a list [batch, listLength]. */
  advantage: 'advantage',
  /** Mean reward of the chosen lists in units of the mean bid, to be reported [1]. */
  reward: 'chosen.reward',
  /** Flat parameters of the pre-trained generator; only with a divergence. */
  frozen: 'frozen',
} as const

export interface PolicyOptions {
  readonly batch: number
  /** Entries of each level of the candidates' tries, padding included. */
  readonly entries: readonly number[]
  /** 0: no divergence. */
  readonly klWeight: number
}

type Inputs = Readonly<Record<string, Value>>

const levelsOf = (inputs: Inputs, levels: number): CandidateLevel[] =>
  Array.from({ length: levels }, (_, level) => ({
    entry: inputs[policyInputs.entry(level)],
    parent: level === 0 ? undefined : inputs[policyInputs.parent(level)],
    logWeight: inputs[policyInputs.logWeight(level)],
  }))

/** log z of all candidates at each slot, given the entries before it [batch, listLength, candidates]. */
const logZ = (parameters: Parameters, shape: GeneratorShape, inputs: Inputs, batch: number): Value => {
  const keep = (_place: string, value: Value) => value
  const memory = batchMemory(parameters, shape, inputs, keep)
  const { items } = listStates(parameters, shape, inputs, memory, keep)
  const tables = { token: inputs[trieInputs.token], content: inputs[trieInputs.content] }
  const head = itemHead(parameters, shape, tables, levelsOf(inputs, shape.codebookSizes.length))
  return head(op.reshape(items, [batch, shape.listLength, shape.hiddenSize]))
}

const specsOf = (shape: GeneratorShape, { batch, entries, klWeight }: PolicyOptions): Record<string, InputSpec> => {
  const list: InputSpec = { type: 'int32', shape: [batch, shape.listLength] }
  const levels = entries.flatMap((size, level): [string, InputSpec][] => [
    [policyInputs.entry(level), { type: 'int32', shape: [batch, size] }],
    ...(level === 0
      ? []
      : [[policyInputs.parent(level), { type: 'int32', shape: [batch, size] }] as [string, InputSpec]]),
    [policyInputs.logWeight(level), { type: 'float32', shape: [batch, size] }],
  ])
  return {
    ...Object.fromEntries(levels),
    [policyInputs.chosen]: list,
    [policyInputs.advantage]: { type: 'float32', shape: [batch, shape.listLength] },
    [policyInputs.reward]: { type: 'float32', shape: [1] },
    ...(klWeight === 0 ? {} : { [policyInputs.frozen]: { type: 'float32', shape: [generatorLayout(shape).size] } }),
  }
}

/** The training model of batches of chosen lists. Metrics: the policy's loss, the reward of the
 * chosen lists, and the divergence where there is one. */
export const policyGradientModel = (
  shape: GeneratorShape,
  catalogue: Pick<Catalogue, 'itemCount' | 'trie'>,
  creativeCount: number,
  options: PolicyOptions,
): TrainingModel => {
  const { batch, klWeight } = options
  const layout = generatorLayout(shape)
  return {
    layout,
    inputs: {
      ...catalogueSpecs(shape, catalogue, creativeCount),
      ...batchSpecs(shape, batch),
      ...specsOf(shape, options),
    },
    loss(parameters, inputs) {
      const own = logZ(parameters, shape, inputs, batch)
      const place = op.reshape(inputs[policyInputs.chosen], [batch, shape.listLength, 1])
      const chosen = op.reshape(op.gatherElements(own, place, 2), [batch, shape.listLength])
      const policyLoss = op.scale(op.reduceSum(op.mul(chosen, inputs[policyInputs.advantage])), -1 / batch)
      const reward = op.reshape(inputs[policyInputs.reward], [])
      if (klWeight === 0) return { loss: policyLoss, metrics: { policyLoss, reward } }
      const frozen = parametersOf(inputs[policyInputs.frozen], layout)
      const before = op.stopGradient(logZ(frozen, shape, inputs, batch))
      // What has no share at all would be 0 times a difference of two infinities.
      const share = op.exp(op.maximum(before, -50))
      const apart = op.mul(share, op.sub(before, own))
      const divergence = op.scale(
        op.reduceSum(op.where(op.greater(before, -50), apart, 0)),
        1 / (batch * shape.listLength),
      )
      return { loss: op.add(policyLoss, op.scale(divergence, klWeight)), metrics: { policyLoss, divergence, reward } }
    },
  }
}
