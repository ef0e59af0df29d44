// Vectors of a history as the encoder reads it: by the token embedding that the decoders have, or by one of its own.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { HistoryInputs } from './encoder.ts'
import { type GeneratorShape, generatorNames } from './generator-shape.ts'
import { creativesAt, itemsAt, type TokenTable } from './token-vectors.ts'

/** Of the catalogue. */
export interface TokenTables {
  readonly item: TokenTable
  /** Absent: of no creative of a history is it known which it was. */
  readonly creative?: TokenTable | undefined
}

/** What users took, by index. */
export interface HistoryIndices {
  /** int32 [groups, historyLength], the most recent one last. */
  readonly items: Value
  /** int32 [groups, historyLength], negative where it is not known; absent: of none. */
  readonly creatives?: Value | undefined
  /** Items that are there, int32 [groups]. */
  readonly length: Value
}

const encoderTokens = (parameters: Parameters, { tokenEmbedding }: GeneratorShape): Parameters =>
  tokenEmbedding === 'Separate' ? (name) => parameters(generatorNames.encoderToken(name)) : parameters

export const historyVectors = (
  parameters: Parameters,
  shape: GeneratorShape,
  tables: TokenTables,
  { items: index, creatives: shown, length }: HistoryIndices,
): HistoryInputs => {
  const tokens = encoderTokens(parameters, shape)
  const items = itemsAt(tokens, shape, tables.item, index)
  if (shape.creatives === undefined) return { items, length }
  const creatives =
    tables.creative === undefined || shown === undefined
      ? op.add(op.mul(items, 0), tokens(generatorNames.unknownCreative))
      : creativesAt(tokens, shape, tables.creative, shown)
  return { items, creatives, length }
}
