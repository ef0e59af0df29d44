// The item decoder (Eq. 15) and the multi-token-prediction block of creatives (Eq. 16, Figure 2), on whole lists for
// training and on one position at a time for beam search.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { normalized } from '../backbone.ts'
import {
  type BlockMemory,
  type Cache,
  causalMask,
  type Drop,
  decoderBlock,
  decoderBlockStep,
  type MemoryMask,
  type Named,
  part,
  type Rows,
} from './attention.ts'
import { blockMemory, type EncodedHistory } from './encoder.ts'
import { type GeneratorShape, generatorNames } from './generator-shape.ts'

/** What the decoder's blocks read of a history. */
export interface DecoderMemory {
  readonly blocks: readonly BlockMemory[]
  /** Of the block of creatives; absent where there is none. */
  readonly multiToken: BlockMemory | undefined
  readonly mask: MemoryMask
}

const blockNames =
  (parameters: Parameters, layer: number): Named =>
  (inner) =>
    parameters(generatorNames.decoder(layer, inner))

const multiTokenNames =
  (parameters: Parameters): Named =>
  (inner) =>
    parameters(generatorNames.multiToken(inner))

const hasMultiToken = ({ creatives, creativePrediction }: GeneratorShape): boolean =>
  creatives !== undefined && creativePrediction === 'MTP'

export const decoderMemory = (
  parameters: Parameters,
  shape: GeneratorShape,
  encoded: EncodedHistory,
): DecoderMemory => ({
  blocks: Array.from({ length: shape.layers }, (_, layer) =>
    blockMemory(blockNames(parameters, layer), encoded, shape),
  ),
  multiToken: hasMultiToken(shape)
    ? blockMemory(part(multiTokenNames(parameters), 'block'), encoded, shape)
    : undefined,
  mask: encoded.mask,
})

/** Memory of other rows: row g reads that of group `of[g]`, int32. */
export const memoryRows = ({ blocks, multiToken, mask }: DecoderMemory, of: Value): DecoderMemory => {
  const rows = ({ keys, values }: BlockMemory): BlockMemory => ({
    keys: op.gather(keys, of),
    values: op.gather(values, of),
  })
  return { blocks: blocks.map(rows), multiToken: multiToken && rows(multiToken), mask: op.gather(mask, of) }
}

const finalNorm = (parameters: Parameters, state: Value): Value =>
  normalized((inner) => parameters(generatorNames.decoderNorm(inner)), state)

/**
 * States before each token of the lists, [groups * lists * positions, hiddenSize], normalised.
 * @param tokens vectors [groups, lists, positions - 1, hiddenSize] of all tokens but the last; undefined for one position
 */
export const decodeLists = (
  parameters: Parameters,
  shape: GeneratorShape,
  tokens: Value | undefined,
  rows: Rows,
  memory: DecoderMemory,
  drop: Drop,
): Value => {
  const { hiddenSize, heads, layers } = shape
  const { groups, lists, positions } = rows
  const begin = op.reshape(parameters(generatorNames.beginOfItems), [1, 1, 1, hiddenSize])
  const like = op.reshape(op.slice(memory.mask, 3, 0, 1), [groups, 1, 1, 1])
  // Repeated by adding zeros: the number of groups may be known only when the graph runs.
  const begins = op.add(op.expand(begin, [1, lists, 1, hiddenSize]), op.mul(like, 0))
  const sequence = tokens === undefined ? begins : op.concat([begins, tokens], 2)
  const place = op.slice(parameters(generatorNames.decoderPosition), 0, 0, positions)
  const placed = op.add(op.scale(sequence, Math.sqrt(hiddenSize)), place)
  const causal = causalMask(placed, positions)
  let state = drop('decoder.input', op.reshape(placed, [-1, hiddenSize]))
  for (let layer = 0; layer < layers; layer++) {
    const context = {
      memory: memory.blocks[layer],
      mask: memory.mask,
      causal,
      drop: (place: string, value: Value) => drop(`decoder.${layer}.${place}`, value),
    }
    state = decoderBlock(blockNames(parameters, layer), state, heads, rows, context)
  }
  return finalNorm(parameters, state)
}

/** Where a beam search stands inside the decoder: a cache by block, undefined before the first position. */
export type DecoderCaches = readonly (Cache | undefined)[]

/**
 * One position of every beam.
 * @param token vectors [groups, beams, hiddenSize] of the newest token; undefined at the first position
 * @returns states [groups * beams, hiddenSize], normalised
 */
export const decodeStep = (
  parameters: Parameters,
  shape: GeneratorShape,
  token: Value | undefined,
  { groups, beams, position }: { groups: Rows['groups']; beams: number; position: number },
  memory: DecoderMemory,
  caches: DecoderCaches,
): { state: Value; caches: Cache[] } => {
  const { hiddenSize, heads } = shape
  const like = op.reshape(op.slice(memory.mask, 3, 0, 1), [groups, 1, 1])
  const begin = op.reshape(parameters(generatorNames.beginOfItems), [1, 1, hiddenSize])
  const newest = token ?? op.add(op.expand(begin, [1, beams, hiddenSize]), op.mul(like, 0))
  const place = op.slice(parameters(generatorNames.decoderPosition), 0, position, position + 1)
  let state = op.reshape(op.add(op.scale(newest, Math.sqrt(hiddenSize)), place), [-1, hiddenSize])
  const rows = { groups, lists: beams, positions: 1 }
  const kept: Cache[] = []
  for (const [layer, block] of memory.blocks.entries()) {
    const context = { memory: block, mask: memory.mask, before: caches[layer] }
    const step = decoderBlockStep(blockNames(parameters, layer), state, heads, rows, context)
    state = step.state
    kept.push(step.cache)
  }
  return { state: finalNorm(parameters, state), caches: kept }
}

/**
 * The block of creatives: h' = M [RMSNorm(h) ; RMSNorm(item)] + begin, one decoder block.
 * @param states of the item decoder before each item [groups * lists * positions, hiddenSize]
 * @param items vectors of the items themselves, of the same shape
 * @returns states that creatives are predicted from, of the same shape
 */
export const multiTokenStates = (
  parameters: Parameters,
  shape: GeneratorShape,
  { states, items }: { states: Value; items: Value },
  rows: Rows,
  memory: DecoderMemory,
  drop: Drop,
): Value => {
  if (memory.multiToken === undefined) throw new Error('This generator has no block of creatives')
  const named = multiTokenNames(parameters)
  const state = op.rmsNorm(states, named('state.scale'))
  const token = op.rmsNorm(items, named('token.scale'))
  const joined = op.linear(op.concat([state, token], 1), named('merge.weight'), named('merge.bias'))
  const input = op.add(joined, parameters(generatorNames.beginOfCreatives))
  return decoderBlock(part(named, 'block'), input, shape.heads, rows, {
    memory: memory.multiToken,
    mask: memory.mask,
    causal: causalMask(states, rows.positions),
    drop: (place, value) => drop(`mtp.${place}`, value),
  })
}
