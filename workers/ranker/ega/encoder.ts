// The user encoder (Eq. 14): attention in both directions over the behaviours of a history. Histories are aligned at
// their end, so that a position says how long ago a behaviour was; a learned start is always there, so that a user
// without history can be answered as well.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import { names } from '../architecture.ts'
import { excluded, feedForwardResidual, normalized } from '../backbone.ts'
import { type BlockMemory, type Drop, type MemoryMask, memoryOf, type Named, part, selfAttention } from './attention.ts'
import { encoderPositions, type GeneratorShape, generatorNames } from './generator-shape.ts'

/** A history as the encoder reads it; what lies before its beginning is anything. */
export interface HistoryInputs {
  /** Vectors of the items [groups, historyLength, hiddenSize], the most recent one last. */
  readonly items: Value
  /** Of their creatives, the unknown one where none is told; absent where the shape has no creatives. */
  readonly creatives?: Value
  /** Items that are there, int32 [groups]. */
  readonly length: Value
}

export interface EncodedHistory {
  /** [groups * positions, hiddenSize], normalised. */
  readonly states: Value
  readonly mask: MemoryMask
  readonly groups: Dimension
}

/** Item, separator, creative of each behaviour as three positions: [groups, 3 * historyLength, hiddenSize]. */
const flattened = (parameters: Parameters, shape: GeneratorShape, { items, creatives }: HistoryInputs): Value => {
  const [groups, length, hiddenSize] = items.shape
  const wide = (value: Value) => op.reshape(value, [groups, length, 1, hiddenSize])
  const column = wide(items)
  const separator = op.expandLike(op.reshape(parameters(generatorNames.separator), [1, 1, 1, hiddenSize]), column)
  const creative =
    creatives === undefined
      ? op.expandLike(items.graph.filled([1, 1, 1, shape.hiddenSize], 0), column)
      : wide(creatives)
  return op.reshape(op.concat([column, separator, creative], 2), [groups, 3 * shape.historyLength, hiddenSize])
}

const summed = ({ items, creatives }: HistoryInputs): Value =>
  creatives === undefined ? items : op.add(items, creatives)

/** Excludes positions before the history begins, [groups, 1, 1, positions]. */
const maskOf = (shape: GeneratorShape, length: Value, groups: Dimension): MemoryMask => {
  const each = shape.historyTokens === 'Flattened' ? 3 : 1
  // A position of a behaviour is there when the history has at least so many behaviours from its end.
  const needed = Int32Array.from({ length: encoderPositions(shape) }, (_, position) =>
    position === 0 ? 0 : shape.historyLength - Math.floor((position - 1) / each),
  )
  const least = length.graph.constant('int32', [1, needed.length], needed)
  const present = op.greaterOrEqual(op.reshape(length, [groups, 1]), least)
  const zero = length.graph.scalar(0)
  return op.reshape(op.where(present, zero, excluded), [groups, 1, 1, needed.length])
}

/** Encodes histories. `drop` is called with places `encoder.LAYER.self` and `.fed`. */
export const encodeHistory = (
  parameters: Parameters,
  shape: GeneratorShape,
  inputs: HistoryInputs,
  drop: Drop,
): EncodedHistory => {
  const { hiddenSize, heads, layers } = shape
  const [groups] = inputs.items.shape
  const positions = encoderPositions(shape)
  const behaviours = shape.historyTokens === 'Flattened' ? flattened(parameters, shape, inputs) : summed(inputs)
  const start = op.reshape(parameters(names.start), [1, 1, hiddenSize])
  const sequence = op.concat([op.expandLike(start, op.slice(behaviours, 1, 0, 1)), behaviours], 1)
  const placed = op.add(op.scale(sequence, Math.sqrt(hiddenSize)), parameters(generatorNames.encoderPosition))
  const mask = maskOf(shape, inputs.length, groups)
  let state = drop('encoder.input', op.reshape(placed, [-1, hiddenSize]))
  for (let layer = 0; layer < layers; layer++) {
    const named: Named = (inner) => parameters(generatorNames.encoder(layer, inner))
    const rows = { groups, lists: 1, positions }
    const mixed = selfAttention(part(named, 'self'), state, heads, rows, mask)
    state = op.add(state, drop(`encoder.${layer}.self`, mixed))
    state = feedForwardResidual(part(named, 'feedForward'), state, (value) => drop(`encoder.${layer}.fed`, value))
  }
  const states = normalized((inner) => parameters(generatorNames.encoderNorm(inner)), state)
  return { states, mask, groups }
}

/** The memory of a block whose cross-attention has these parameters. */
export const blockMemory = (named: Named, { states, groups }: EncodedHistory, shape: GeneratorShape): BlockMemory =>
  memoryOf(part(named, 'cross'), states, shape.heads, groups, encoderPositions(shape))
