// From a state to the creative of an item: a softmax over the codes of each level (Eq. 28), all from one state, and for a
// choice among given creatives the sum of the logits of their codes.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { normalized } from '../backbone.ts'
import { type GeneratorShape, generatorNames } from './generator-shape.ts'
import type { TokenTable } from './token-vectors.ts'

/** Logits [rows, codebookSize] by level. */
export const creativeLogits = (parameters: Parameters, shape: GeneratorShape, states: Value): Value[] =>
  (shape.creatives?.codebookSizes ?? []).map((_, level) => {
    const named = (inner: string) => parameters(generatorNames.creativeLevel(level, inner))
    const seen = normalized((inner) => named(`norm.${inner}`), states)
    return op.linear(seen, parameters(generatorNames.creativeCode(level)), named('bias'), { transposeB: true })
  })

/**
 * Scores of given creatives.
 * @param creatives int32 [rows, most], -1 where there is none
 * @returns [rows, most], far below zero where there is none
 */
export const creativeScores = (
  parameters: Parameters,
  shape: GeneratorShape,
  states: Value,
  table: TokenTable,
  creatives: Value,
): Value => {
  const place = op.maximum(creatives, 0)
  const scores = creativeLogits(parameters, shape, states)
    .map((logits, level) => op.gatherElements(logits, op.gather(table.codes[level], place), 1))
    .reduce((sum, each) => op.add(sum, each))
  return op.where(op.greaterOrEqual(creatives, 0), scores, noCreative)
}

/** Score of a creative that is not there. */
export const noCreative = -1e9
