// The stream of step 1: a user token (U), for each behaviour its context (C) and its item, which is organic content (X) or
// an ad (I), and the context of the request. Histories are aligned at their end; what lies between the user and the
// beginning of a history is padding.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import type { InputSpec } from '../../tensor/training-step.ts'
import { names } from '../architecture.ts'
import type { Drop } from '../ega/attention.ts'
import { itemsAt, type TokenTable } from '../ega/token-vectors.ts'
import { contextBucket } from './context-bucket.ts'
import { type OneRankerShape, oneRankerNames, streamPositions } from './shape.ts'

export const streamInputs = {
  /** int32 [B, historyLength], the most recent one last, anything before the beginning. */
  items: 'stream.items',
  /** 1 for an ad, float32 [B, historyLength]. */
  isAd: 'stream.isAd',
  /** Bucket of the context of each behaviour, and last of the request, int32 [B, historyLength + 1]. */
  context: 'stream.context',
  /** Behaviours that are there, int32 [B]. */
  length: 'stream.length',
} as const

export const streamSpecs = ({ historyLength }: OneRankerShape, batch: number): Record<string, InputSpec> => ({
  [streamInputs.items]: { type: 'int32', shape: [batch, historyLength] },
  [streamInputs.isAd]: { type: 'float32', shape: [batch, historyLength] },
  [streamInputs.context]: { type: 'int32', shape: [batch, historyLength + 1] },
  [streamInputs.length]: { type: 'int32', shape: [batch] },
})

/** What a user did, the oldest first. */
export interface StreamHistory {
  readonly items: Uint32Array
  /** By behaviour; absent: all organic. */
  readonly isAd?: ArrayLike<number | boolean> | undefined
  /** By behaviour, milliseconds since 1970. */
  readonly times?: ArrayLike<number> | undefined
  /** Of the request, milliseconds since 1970. */
  readonly time?: number | undefined
}

/** The most recent behaviours of each history as inputs of the graph. */
export function streamTensors(
  { historyLength }: Pick<OneRankerShape, 'historyLength'>,
  histories: readonly StreamHistory[],
): Tensors {
  const batch = histories.length
  const items = new Int32Array(batch * historyLength)
  const isAd = new Float32Array(batch * historyLength)
  const context = new Int32Array(batch * (historyLength + 1))
  const length = new Int32Array(batch)
  for (const [row, { items: all, isAd: ads, times, time }] of histories.entries()) {
    const recent = Math.min(historyLength, all.length)
    length[row] = recent
    for (let behaviour = all.length - recent; behaviour < all.length; behaviour++) {
      const column = historyLength - all.length + behaviour
      items[row * historyLength + column] = all[behaviour]
      isAd[row * historyLength + column] = Number(ads?.[behaviour] ?? 0)
      context[row * (historyLength + 1) + column] = contextBucket(times?.[behaviour - 1], times?.[behaviour])
    }
    context[row * (historyLength + 1) + historyLength] = contextBucket(times?.[all.length - 1], time)
  }
  return {
    [streamInputs.items]: int32([batch, historyLength], items),
    [streamInputs.isAd]: float32([batch, historyLength], isAd),
    [streamInputs.context]: int32([batch, historyLength + 1], context),
    [streamInputs.length]: int32([batch], length),
  }
}

export interface Stream {
  /** [B, positions, hiddenSize]. */
  readonly states: Value
  /** 1 where a token is, 0 for padding, float32 [B, positions]. */
  readonly present: Value
}

/** Vectors of the types of items, [..., hiddenSize] for `isAd` float32 [...]. */
export const itemTypes = (parameters: Parameters, isAd: Value): Value => {
  const [organic, ad] = op.split(parameters(oneRankerNames.itemType), 0, [1, 1])
  const share = op.reshape(isAd, [...isAd.shape, 1])
  return op.add(op.mul(share, op.sub(ad, organic)), organic)
}

const presence = (shape: OneRankerShape, length: Value, batch: Dimension): Value => {
  const positions = streamPositions(shape)
  const each = shape.historyTokens === 'Flattened' ? 2 : 1
  // A position of a behaviour is there when the history has at least so many behaviours from its end.
  const needed = Int32Array.from({ length: positions }, (_, position) =>
    position === 0 || position === positions - 1 ? 0 : shape.historyLength - Math.floor((position - 1) / each),
  )
  const least = length.graph.constant('int32', [1, positions], needed)
  return op.cast(op.greaterOrEqual(op.reshape(length, [batch, 1]), least), 'float32')
}

/**
 * The stream of a batch; calls `drop` with the place `generator.input`.
 * @param inputs values by the names of `streamInputs`
 */
export const embedStream = (
  parameters: Parameters,
  shape: OneRankerShape,
  table: TokenTable,
  inputs: Readonly<Record<string, Value>>,
  drop: Drop,
): Stream => {
  const { hiddenSize, historyLength, historyTokens } = shape
  const positions = streamPositions(shape)
  const index = inputs[streamInputs.items]
  const [batch] = index.shape
  const items = op.add(itemsAt(parameters, shape, table, index), itemTypes(parameters, inputs[streamInputs.isAd]))
  const contexts = op.gather(parameters(oneRankerNames.context), inputs[streamInputs.context])
  const [before, request] = op.split(contexts, 1, [historyLength, 1])
  const behaviours =
    historyTokens === 'Summed'
      ? op.add(items, before)
      : op.reshape(
          op.concat(
            [before, items].map((value) => op.reshape(value, [batch, historyLength, 1, hiddenSize])),
            2,
          ),
          [batch, 2 * historyLength, hiddenSize],
        )
  const user = op.expandLike(op.reshape(parameters(names.start), [1, 1, hiddenSize]), request)
  const stream = op.scale(op.concat([user, behaviours, request], 1), Math.sqrt(hiddenSize))
  const rows = drop('generator.input', op.reshape(stream, [-1, hiddenSize]))
  return {
    states: op.reshape(rows, [batch, positions, hiddenSize]),
    present: presence(shape, inputs[streamInputs.length], batch),
  }
}
