// From the state of a position to its next item, code by code: p(item) is the product over levels of
// p(code | state, codes before), each a softmax over the codes that some item of the catalogue continues with.

import type { Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { Parameters } from '../tensor/parameters.ts'
import { names, type RankerShape } from './architecture.ts'
import { feedForwardResidual, normalized } from './backbone.ts'
import { type Dropout, type DropoutPlace, noDropout } from './dropout.ts'

/**
 * Scores of a level's codes, tied to the vectors that the codes have as inputs.
 * @param state [..., hiddenSize]
 * @returns [..., codebookSizes[level]]
 */
export const codeLogits = (parameters: Parameters, level: number, state: Value, drop: Dropout = noDropout): Value => {
  const named = (part: string) => parameters(names.level(level, part))
  const normal = normalized((part) => named(`norm.${part}`), state)
  const dropped = drop(`level.${level}.output`, normal)
  return op.linear(dropped, parameters(names.code(level)), named('bias'), { transposeB: true })
}

/**
 * The state for the next level, once a code was chosen.
 * @param state [..., hiddenSize]
 * @param code [...] integers
 */
export const nextState = (
  parameters: Parameters,
  level: number,
  state: Value,
  code: Value,
  drop: Dropout = noDropout,
): Value => {
  const named = (part: string) => parameters(names.level(level, part))
  const chosen = op.add(state, op.gather(named('chosen'), code))
  return feedForwardResidual(
    (part) => named(`next.${part}`),
    chosen,
    (value) => drop(`level.${level}.next`, value),
  )
}

/** Where the code decoder drops, with the shapes of a batch of `rows` positions. */
export const decoderPlaces = (shape: RankerShape, rows: number): DropoutPlace[] =>
  shape.codebookSizes.flatMap((_, level) => {
    const whole = [rows, shape.hiddenSize]
    const output = { name: `level.${level}.output`, shape: whole }
    return level === shape.codebookSizes.length - 1 ? [output] : [output, { name: `level.${level}.next`, shape: whole }]
  })
