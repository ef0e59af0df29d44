// Step 2: learned task tokens and fake items read step 1 and one another, so that what is generated knows what there is to
// be generated. Cross-attention comes first, then self-attention under the heterogeneous mask, then a feed-forward for each
// task and one for all fake items.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { excluded, feedForwardResidual, normalized } from '../backbone.ts'
import {
  crossAttention,
  type Drop,
  type MemoryMask,
  memoryOf,
  type Named,
  part,
  selfAttention,
} from '../ega/attention.ts'
import type { Generated } from './hstu.ts'
import { selfVisibility } from './masks.ts'
import { type OneRankerShape, oneRankerNames, refinementTokens, streamPositions, taskCount } from './shape.ts'
import { byNetwork, stackedFeedForward, stackedLinear } from './stacked.ts'

export interface Refined {
  /** All tokens as step 3 reads them, tasks before fake items, normalised [B, tasks + fakeItems, hiddenSize]. */
  readonly tokens: Value
  /** e_task of Sec. 3.4, from the head of each task [B, tasks, hiddenSize]. */
  readonly tasks: Value
  /** [B, fakeItems, hiddenSize]; undefined where there are none. */
  readonly fakes: Value | undefined
}

/** Added to scores [B, 1, 1, positions]: excludes padding. */
export const memoryMask = (present: Value): MemoryMask =>
  op.reshape(op.scale(op.sub(present, 1), -excluded), [present.shape[0], 1, 1, present.shape[1]])

/** The centres, through which no gradient flows where they are fixed [fakeItems, hiddenSize]. */
export const centresOf = (parameters: Parameters, shape: OneRankerShape): Value => {
  const centres = parameters(oneRankerNames.centres)
  return shape.centres === 'Fixed' ? op.stopGradient(centres) : centres
}

/** [tasks + fakeItems, hiddenSize]. */
const firstTokens = (parameters: Parameters, shape: OneRankerShape): Value => {
  const tasks = parameters(oneRankerNames.tasks)
  if (shape.fakeItems === 0) return tasks
  return op.concat([tasks, op.add(centresOf(parameters, shape), parameters(oneRankerNames.fakeType))], 0)
}

const additiveMask = (like: Value, shape: OneRankerShape): Value => {
  const size = refinementTokens(shape)
  const visible = selfVisibility(shape, taskCount(shape), shape.fakeItems)
  return like.graph.constant(
    'float32',
    [size, size],
    Float32Array.from(visible, (sees) => (sees === 1 ? 0 : excluded)),
  )
}

/** Pieces of [B, tokens, hiddenSize]: tasks, and fake items where there are any. */
const parts = (shape: OneRankerShape, tokens: Value): [tasks: Value, fakes: Value | undefined] => {
  if (shape.fakeItems === 0) return [tokens, undefined]
  const [tasks, fakes] = op.split(tokens, 1, [taskCount(shape), shape.fakeItems])
  return [tasks, fakes]
}

const feedForwards = (named: Named, shape: OneRankerShape, state: Value, drop: Drop): Value => {
  const { hiddenSize } = shape
  const tokens = op.reshape(state, [-1, refinementTokens(shape), hiddenSize])
  const [tasks, fakes] = parts(shape, tokens)
  const fedTasks = stackedFeedForward(part(named, 'tasks'), tasks, (value) => drop('tasks', value))
  if (fakes === undefined) return op.reshape(fedTasks, [-1, hiddenSize])
  const rows = op.reshape(fakes, [-1, hiddenSize])
  const fedFakes = feedForwardResidual(part(named, 'fakes'), rows, (value) => drop('fakes', value))
  return op.reshape(op.concat([fedTasks, op.reshape(fedFakes, fakes.shape)], 1), [-1, hiddenSize])
}

/** Runs step 2; calls `drop` with places `refinement.LAYER.cross`, `.self`, `.tasks` and `.fakes`. */
export const refine = (
  parameters: Parameters,
  shape: OneRankerShape,
  { states, present, last }: Generated,
  drop: Drop,
): Refined => {
  const { hiddenSize, heads, refinementLayers, attentionOrder } = shape
  const [groups] = states.shape
  const positions = refinementTokens(shape)
  const rows = { groups, lists: 1, positions }
  const read = op.reshape(states, [-1, hiddenSize])
  const absent = memoryMask(present)
  const mask = additiveMask(states, shape)
  const tokens = op.scale(firstTokens(parameters, shape), Math.sqrt(hiddenSize))
  // Repeated by adding zeros: the number of groups may be known only when the graph runs.
  const zeros = op.stopGradient(op.mul(op.reshape(last, [groups, 1, hiddenSize]), 0))
  let state = op.reshape(op.add(tokens, zeros), [-1, hiddenSize])
  for (let layer = 0; layer < refinementLayers; layer++) {
    const named: Named = (inner) => parameters(oneRankerNames.refinement(layer, inner))
    const dropAt: Drop = (place, value) => drop(`refinement.${layer}.${place}`, value)
    const memory = memoryOf(part(named, 'cross'), read, heads, groups, streamPositions(shape))
    const cross = (input: Value) => dropAt('cross', crossAttention(part(named, 'cross'), input, rows, memory, absent))
    const self = (input: Value) => dropAt('self', selfAttention(part(named, 'self'), input, heads, rows, mask))
    for (const attention of attentionOrder === 'CrossFirst' ? [cross, self] : [self, cross])
      state = op.add(state, attention(state))
    state = feedForwards(named, shape, state, dropAt)
  }
  const normal = normalized((inner) => parameters(oneRankerNames.refinementNorm(inner)), state)
  const all = op.reshape(normal, [groups, positions, hiddenSize])
  const [tasks, fakes] = parts(shape, all)
  const heard = byNetwork(stackedLinear((inner) => parameters(oneRankerNames.head(inner)), byNetwork(tasks)))
  return { tokens: all, tasks: heard, fakes }
}
