// From a state to the next item as a softmax over a tree (Eq. 12): every entry of the trie has a score that follows from
// the state alone, the softmax runs among siblings, and an item has the product along its path. All levels are scored at
// once, so that a beam search goes from item to item without a pass for each code.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import { names } from '../architecture.ts'
import { normalized } from '../backbone.ts'
import type { GeneratorShape } from './generator-shape.ts'

/** One level of the tries of some groups of candidates; entries are places of the catalogue's trie. */
export interface CandidateLevel {
  /** Entry of the catalogue's trie, int32 [groups, entries]; any where `logWeight` excludes. */
  readonly entry: Value
  /** log w of each entry (Eq. 21), far below zero for what is no entry [groups, entries]. */
  readonly logWeight: Value
  /** Place of the parent in the level above, int32 [groups, entries]; absent at the first level. */
  readonly parent: Value | undefined
  /** Place of each candidate's entry, int32 [groups, candidates]. */
  readonly path: Value
}

/** Codes and content by entry of the catalogue's trie. */
export interface EntryTables {
  /** int32 [entries]. */
  readonly token: Value
  /** [entries, contentDimensions]; read only where the shape has content. */
  readonly content: Value
}

/** Least sum of a softmax: what lies so far below the best entry of its level has no share that a float could tell. */
const leastSum = 1e-30

/** What each entry of a level is scored by: a vector [groups, entries, hiddenSize] and a bias [groups, entries]. */
const entryVectors = (
  parameters: Parameters,
  shape: GeneratorShape,
  level: number,
  tables: EntryTables,
  entry: Value,
) => {
  const token = op.gather(tables.token, entry)
  const code = op.gather(parameters(names.code(level)), token)
  const bias = op.gather(parameters(names.level(level, 'bias')), token)
  if (shape.contentDimensions === 0) return { vectors: code, bias }
  const content = op.gather(tables.content, entry)
  const question = parameters(names.level(level, 'content'))
  const rows = op.gemm(op.reshape(content, [-1, shape.contentDimensions]), question, undefined, { transposeB: true })
  return { vectors: op.add(code, op.reshape(rows, code.shape)), bias }
}

/** Logarithm of the softmax among siblings, [groups, rows, entries]. */
const amongSiblings = (scores: Value, parent: Value | undefined, parents: Dimension): Value => {
  if (parent === undefined) return op.logSoftmax(scores)
  const [groups, rows, entries] = scores.shape
  const greatest = op.stopGradient(op.reduceMax(scores, [2], true))
  const shifted = op.sub(scores, greatest)
  const place = op.expandLike(op.reshape(parent, [groups, 1, entries]), shifted)
  const none = op.slice(op.mul(op.stopGradient(shifted), 0), 2, 0, 1)
  const empty = op.expand(none, [groups, rows, parents])
  const sums = op.scatterElements(empty, place, op.exp(shifted), 2, 'add')
  return op.sub(shifted, op.log(op.maximum(op.gatherElements(sums, place, 2), leastSum)))
}

/**
 * log z of every candidate (Eq. 22, summed along its path) from states.
 * @param states [groups, rows, hiddenSize]
 * @returns [groups, rows, candidates]
 */
export const candidateScores = (
  parameters: Parameters,
  shape: GeneratorShape,
  states: Value,
  tables: EntryTables,
  levels: readonly CandidateLevel[],
): Value => {
  const logs = levels.map(({ entry, logWeight, parent, path }, level) => {
    const [groups, entries] = entry.shape
    const seen = normalized((inner) => parameters(names.level(level, `norm.${inner}`)), states)
    const { vectors, bias } = entryVectors(parameters, shape, level, tables, entry)
    const offset = op.reshape(op.add(bias, logWeight), [groups, 1, entries])
    const scores = op.add(op.matmul(seen, vectors, { transposeB: true }), offset)
    const above = level === 0 ? 1 : levels[level - 1].entry.shape[1]
    const logs = amongSiblings(scores, parent, above)
    const place = op.reshape(path, [groups, 1, path.shape[1]])
    const like = op.slice(op.stopGradient(states), 2, 0, 1)
    return op.gatherElements(logs, op.expandLike(place, like), 2)
  })
  return logs.reduce((sum, each) => op.add(sum, each))
}
