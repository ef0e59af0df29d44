// Step 3: candidates, each by itself, read what both earlier steps made of the user, and a ranking task token T_r. T_r sees
// no candidate: if it did, every candidate would see all others through it, and scores would depend on who else is there.
// So T_r is known with the user, and what it says of itself is part of the memory.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import { feedForwardResidual, normalized } from '../backbone.ts'
import {
  type BlockMemory,
  crossAttention,
  type Drop,
  type MemoryMask,
  memoryOf,
  merged,
  type Named,
  part,
  queryKeyValue,
  type Rows,
} from '../ega/attention.ts'
import type { Generated } from './hstu.ts'
import { memoryMask, type Refined } from './refinement.ts'
import { type OneRankerShape, oneRankerNames, rankingPositions, readsRefinement, refinementTokens } from './shape.ts'
import { itemTypes } from './stream.ts'

/** What one block reads of a user. */
export interface RankerBlockMemory extends BlockMemory {
  /** Of T_r in the self-attention, [B, heads, 1, width]. */
  readonly taskKeys: Value
  readonly taskValues: Value
}

/** What step 3 reads of a user; depends on no candidate, so it may be kept while the history stays. */
export interface RankingMemory {
  readonly blocks: readonly RankerBlockMemory[]
  /** [B, 1, 1, positions]. */
  readonly mask: MemoryMask
}

const blockNames =
  (parameters: Parameters, layer: number): Named =>
  (inner) =>
    parameters(oneRankerNames.ranker(layer, inner))

const dropOf =
  (drop: Drop, layer: number): Drop =>
  (place, value) =>
    drop(`ranker.${layer}.${place}`, value)

/** Outputs of the earlier steps one after the other [B, positions, hiddenSize], and which of them are there. */
const readOf = (parameters: Parameters, shape: OneRankerShape, { states, present }: Generated, refined?: Refined) => {
  if (!readsRefinement(shape) || refined === undefined) return { states, present }
  const [first, second] = op.split(parameters(oneRankerNames.segment), 0, [1, 1])
  // The user token is always there, and so is every token of step 2.
  const there = op.mul(op.slice(present, 1, 0, 1), present.graph.filled([1, refinementTokens(shape)], 1))
  return {
    states: op.concat([op.add(states, first), op.add(refined.tokens, second)], 1),
    present: op.concat([present, there], 1),
  }
}

/**
 * The memory of some users; calls `drop` with places `ranker.LAYER.task.cross` and `.task.self` and `.task.fed`.
 * @param refined read only where `rankerMemory` is Both and there is step 2
 */
export const rankingMemory = (
  parameters: Parameters,
  shape: OneRankerShape,
  generated: Generated,
  refined: Refined | undefined,
  drop: Drop,
): RankingMemory => {
  const { hiddenSize, heads, rankerLayers } = shape
  const { states, present } = readOf(parameters, shape, generated, refined)
  const [groups] = states.shape
  const rows: Rows = { groups, lists: 1, positions: 1 }
  const read = op.reshape(states, [-1, hiddenSize])
  const mask = memoryMask(present)
  const zeros = op.stopGradient(op.mul(generated.last, 0))
  let task = op.add(op.scale(parameters(oneRankerNames.rankingTask), Math.sqrt(hiddenSize)), zeros)
  const blocks: RankerBlockMemory[] = []
  for (let layer = 0; layer < rankerLayers; layer++) {
    const named = blockNames(parameters, layer)
    const dropAt = dropOf(drop, layer)
    const memory = memoryOf(part(named, 'cross'), read, heads, groups, rankingPositions(shape))
    task = op.add(task, dropAt('task.cross', crossAttention(part(named, 'cross'), task, rows, memory, mask)))
    const [, taskKeys, taskValues] = queryKeyValue(part(named, 'self'), task, heads, groups, 1)
    blocks.push({ ...memory, taskKeys, taskValues })
    if (layer === rankerLayers - 1) break
    // It sees itself alone, so its attention is its value.
    task = op.add(task, dropAt('task.self', merged(part(named, 'self'), taskValues, task.shape[0])))
    task = feedForwardResidual(part(named, 'feedForward'), task, (value) => dropAt('task.fed', value))
  }
  return { blocks, mask }
}

/** Of each candidate to itself and T_r. */
const candidateAttention = (
  named: Named,
  input: Value,
  { groups, positions }: Rows,
  memory: RankerBlockMemory,
): Value => {
  const heads = Number(memory.taskKeys.shape[1])
  const [query, keys, values] = queryKeyValue(named, input, heads, groups, positions)
  const alpha = 1 / Math.sqrt(Number(query.shape[3]))
  const own = op.scale(op.reduceSum(op.mul(query, keys), [3], true), alpha)
  const task = op.matmul(query, memory.taskKeys, { transposeB: true, alpha })
  // A softmax over two is a sigmoid of their difference.
  const share = op.sigmoid(op.sub(own, task))
  const mixed = op.add(op.mul(share, op.sub(values, memory.taskValues)), memory.taskValues)
  return merged(named, mixed, input.shape[0])
}

export interface Candidates {
  /** Vectors [B, n, hiddenSize]. */
  readonly items: Value
  /** 1 for an ad, float32 [B, n]. */
  readonly isAd: Value
}

/**
 * f of every candidate, the logarithm of its quality [B, n]; none depends on the others. Calls `drop` with places
 * `ranker.LAYER.cross`, `.self` and `.fed`.
 */
export const rankCandidates = (
  parameters: Parameters,
  shape: OneRankerShape,
  memory: RankingMemory,
  { items, isAd }: Candidates,
  drop: Drop,
): Value => {
  const { hiddenSize } = shape
  const [groups, count] = items.shape
  const rows: Rows = { groups, lists: 1, positions: Number(count) }
  const typed = op.scale(op.add(items, itemTypes(parameters, isAd)), Math.sqrt(hiddenSize))
  let state = op.reshape(typed, [-1, hiddenSize])
  for (const [layer, block] of memory.blocks.entries()) {
    const named = blockNames(parameters, layer)
    const dropAt = dropOf(drop, layer)
    state = op.add(state, dropAt('cross', crossAttention(part(named, 'cross'), state, rows, block, memory.mask)))
    state = op.add(state, dropAt('self', candidateAttention(part(named, 'self'), state, rows, block)))
    state = feedForwardResidual(part(named, 'feedForward'), state, (value) => dropAt('fed', value))
  }
  const scored = (inner: string) => parameters(oneRankerNames.score(inner))
  const normal = normalized((inner) => parameters(oneRankerNames.rankerNorm(inner)), state)
  const inner = op.quickGelu(op.linear(normal, scored('inner.weight'), scored('inner.bias')))
  return op.reshape(op.linear(inner, scored('outer.weight')), [groups, count])
}

/** Memory of other rows: row g reads that of user `of[g]`, int32. */
export const rankingMemoryRows = ({ blocks, mask }: RankingMemory, of: Value): RankingMemory => ({
  blocks: blocks.map(({ keys, values, taskKeys, taskValues }) => ({
    keys: op.gather(keys, of),
    values: op.gather(values, of),
    taskKeys: op.gather(taskKeys, of),
    taskValues: op.gather(taskValues, of),
  })),
  mask: op.gather(mask, of),
})

const blockParts = ['keys', 'values', 'taskKeys', 'taskValues'] as const
const maskTensor = 'memory.mask'
const partTensor = (layer: number, name: (typeof blockParts)[number]): string => `memory.${layer}.${name}`

/** The memory by the names under which one graph puts it out and another takes it in. */
export const memoryOutputs = ({ blocks, mask }: RankingMemory): Record<string, Value> => ({
  ...Object.fromEntries(
    blocks.flatMap((block, layer) => blockParts.map((name) => [partTensor(layer, name), block[name]] as const)),
  ),
  [maskTensor]: mask,
})

/** Shapes of `memoryOutputs` for so many users. */
export const memoryShapes = (shape: OneRankerShape, users: Dimension): Record<string, Dimension[]> => {
  const { heads, hiddenSize, rankerLayers } = shape
  const positions = rankingPositions(shape)
  const width = hiddenSize / heads
  const lengths = { keys: positions, values: positions, taskKeys: 1, taskValues: 1 }
  const blocks = Array.from({ length: rankerLayers }, (_, layer) =>
    blockParts.map((name) => [partTensor(layer, name), [users, heads, lengths[name], width]] as const),
  )
  return { ...Object.fromEntries(blocks.flat()), [maskTensor]: [users, 1, 1, positions] }
}

/** The memory from values of these names. */
export const memoryFrom = (
  { rankerLayers }: OneRankerShape,
  values: Readonly<Record<string, Value>>,
): RankingMemory => ({
  blocks: Array.from({ length: rankerLayers }, (_, layer) => ({
    keys: values[partTensor(layer, 'keys')],
    values: values[partTensor(layer, 'values')],
    taskKeys: values[partTensor(layer, 'taskKeys')],
    taskValues: values[partTensor(layer, 'taskValues')],
  })),
  mask: values[maskTensor],
})
