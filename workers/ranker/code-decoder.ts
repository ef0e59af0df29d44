// From the state of a position to its next item, code by code: p(item) is the product over levels of
// p(code | state, codes before), each a softmax over the codes that some item of the catalogue continues with. A code's
// score goes by the code, whose vector it shares with the input, and by the content of the items that it leads to.

import type { Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { Parameters } from '../tensor/parameters.ts'
import { names, type RankerShape } from './architecture.ts'
import { excluded, feedForwardResidual, normalized } from './backbone.ts'
import { type Dropout, type DropoutPlace, noDropout } from './dropout.ts'

/** The trie as the graph has it, by entry. */
export interface TrieTables {
  /** int32 [entries]. */
  readonly token: Value
  /** [entries, contentDimensions]; read only where the shape has content. */
  readonly content: Value
  readonly entries: number
  /** Children of the root: the first entries. */
  readonly rootChildren: number
}

export interface Scorer {
  readonly parameters: Parameters
  readonly shape: RankerShape
  readonly trie: TrieTables
  readonly drop?: Dropout
}

/** What a level looks at: normalised states, and the same as questions about content. */
const look = ({ parameters, shape, drop = noDropout }: Scorer, level: number, state: Value) => {
  const named = (part: string) => parameters(names.level(level, part))
  const normal = normalized((part) => named(`norm.${part}`), state)
  const seen = drop(`level.${level}.output`, normal)
  return {
    logits: op.linear(seen, parameters(names.code(level)), named('bias'), { transposeB: true }),
    question: shape.contentDimensions === 0 ? undefined : op.linear(seen, named('content')),
  }
}

/**
 * Scores of the root's children, in the order of their entries.
 * @param state [..., hiddenSize]
 * @returns [..., rootChildren]
 */
export const rootScores = (scorer: Scorer, state: Value): Value => {
  const { token, content, rootChildren } = scorer.trie
  const { logits, question } = look(scorer, 0, state)
  const byCode = op.gather(logits, op.slice(token, 0, 0, rootChildren), logits.shape.length - 1)
  if (question === undefined) return byCode
  return op.add(byCode, op.linear(question, op.slice(content, 0, 0, rootChildren), undefined, { transposeB: true }))
}

/** Children of nodes, padded to the most that a node of the level has. */
export interface Children {
  /** Entry of the trie [..., most]; any where `present` is false. */
  readonly entry: Value
  /** bool [..., most]. */
  readonly present: Value
}

/** The children of nodes whose entries are `first` .. `first + count - 1`, both int32 [...]. */
export const childrenOf = (trie: TrieTables, first: Value, count: Value, most: number): Children => {
  const places = Int32Array.from({ length: most }, (_, place) => place)
  const offset = first.graph.constant('int32', [most], places)
  const wide = (value: Value) => op.reshape(value, [...value.shape, 1])
  return {
    entry: op.minimum(op.add(wide(first), offset), trie.entries - 1),
    present: op.less(offset, wide(count)),
  }
}

/**
 * Scores of children below the first level; those that are not present are excluded.
 * @param state [..., hiddenSize]
 * @returns [..., most]
 */
export const childScores = (scorer: Scorer, level: number, state: Value, { entry, present }: Children): Value => {
  const { token, content } = scorer.trie
  const { logits, question } = look(scorer, level, state)
  const byCode = op.gatherElements(logits, op.gather(token, entry), logits.shape.length - 1)
  if (question === undefined) return op.where(present, byCode, excluded)
  const column = op.reshape(question, [...question.shape, 1])
  const byContent = op.reshape(op.matmul(op.gather(content, entry), column), entry.shape)
  return op.where(present, op.add(byCode, byContent), excluded)
}

/**
 * The state for the next level, once a code was chosen.
 * @param state [..., hiddenSize]
 * @param code int32 [...]
 */
export const nextState = (
  { parameters, drop = noDropout }: Scorer,
  level: number,
  state: Value,
  code: Value,
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
