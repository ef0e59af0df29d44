// From a state to the next item as a softmax over a tree (Eq. 12): every entry of the trie has a score that follows from
// the state alone, the softmax runs among siblings, and an item has the product along its path. All levels are scored at
// once, so that a beam search goes from item to item without a pass for each code.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { names, type RankerShape } from '../architecture.ts'
import { normalized } from '../backbone.ts'

/** One level of the tries of some groups of candidates. The entries of the last level are the candidates in their order. */
export interface CandidateLevel {
  /** Entry of the catalogue's trie, int32 [groups, entries]; any where `logWeight` excludes. */
  readonly entry: Value
  /** log w of each entry (Eq. 21), far below zero for what is no entry [groups, entries]. */
  readonly logWeight: Value
  /** Place of the parent in the level above, int32 [groups, entries]; absent at the first level. */
  readonly parent: Value | undefined
  /** Absent: every entry of the level is scored. */
  readonly siblings?: SiblingEntries
}

/**
 * Entries that share their parent with others: they alone need a score, as an only child has the whole share of its
 * parent. Far fewer than there are entries where most codes tell two candidates apart before the last level.
 */
export interface SiblingEntries {
  /** Place of each in the level, int32 [groups, siblings]. */
  readonly place: Value
  /** Equal for children of one parent, below the number of siblings, int32 [groups, siblings]. */
  readonly family: Value
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

type ScoredEntries = Pick<CandidateLevel, 'entry' | 'logWeight'>

/** What each entry of a level is scored by: a vector [groups, entries, hiddenSize] and an offset [groups, 1, entries]. */
interface EntryScorer {
  readonly seen: (states: Value) => Value
  readonly vectors: Value
  readonly offset: Value
}

const entryScorer = (
  parameters: Parameters,
  shape: RankerShape,
  level: number,
  tables: EntryTables,
  { entry, logWeight }: ScoredEntries,
): EntryScorer => {
  const named = (inner: string) => parameters(names.level(level, inner))
  const token = op.gather(tables.token, entry)
  const code = op.gather(parameters(names.code(level)), token)
  const bias = op.gather(named('bias'), token)
  const [groups, entries] = entry.shape
  const scorer = {
    seen: (states: Value) => normalized((inner) => named(`norm.${inner}`), states),
    offset: op.reshape(op.add(bias, logWeight), [groups, 1, entries]),
  }
  if (shape.contentDimensions === 0) return { ...scorer, vectors: code }
  const content = op.reshape(op.gather(tables.content, entry), [-1, shape.contentDimensions])
  const rows = op.gemm(content, named('content'), undefined, { transposeB: true })
  return { ...scorer, vectors: op.add(code, op.reshapeLike(rows, code)) }
}

/** Logarithm of the sum over the children of each parent, in the shape of `parents` [groups, rows, parents]. */
const logSumOfChildren = (scores: Value, parent: Value, parents: Value): Value => {
  const greatest = op.stopGradient(op.reduceMax(scores, [2], true))
  const empty = op.stopGradient(op.mul(parents, 0))
  const sums = op.scatterElements(empty, parent, op.exp(op.sub(scores, greatest)), 2, 'add')
  return op.add(op.log(op.maximum(sums, leastSum)), greatest)
}

/** log z of every candidate [groups, rows, candidates] from states [groups, rows, hiddenSize]. */
export type ItemHead = (states: Value) => Value

/**
 * The item head of some groups of candidates (Eq. 22, summed along each path). What does not depend on states is emitted
 * once, however often the head is used.
 */
export const itemHead = (
  parameters: Parameters,
  shape: RankerShape,
  tables: EntryTables,
  levels: readonly CandidateLevel[],
): ItemHead => {
  const scorers = levels.map((level, index) => entryScorer(parameters, shape, index, tables, scoredEntries(level)))
  // By rows of the states: a beam search asks with one row first and then always with as many.
  const spread = new Map<string, Value>()
  const spreadOver = (states: Value, name: string, places: Value): Value => {
    const key = `${name}:${states.shape[1]}`
    const [groups, count] = places.shape
    const row = () => op.stopGradient(op.slice(states, 2, 0, 1))
    const known = spread.get(key) ?? op.expandLike(op.reshape(places, [groups, 1, count]), row())
    spread.set(key, known)
    return known
  }
  return (states) => {
    let above: Value | undefined
    for (const [index, { parent, siblings }] of levels.entries()) {
      const { seen, vectors, offset } = scorers[index]
      const scores = op.add(op.matmul(seen(states), vectors, { transposeB: true }), offset)
      if (above === undefined || parent === undefined) {
        above = op.logSoftmax(scores)
        continue
      }
      const parents = spreadOver(states, `parent.${index}`, parent)
      if (siblings === undefined) {
        const share = op.sub(above, logSumOfChildren(scores, parents, above))
        above = op.add(scores, op.gatherElements(share, parents, 2))
        continue
      }
      const family = spreadOver(states, `family.${index}`, siblings.family)
      const ofFamily = op.gatherElements(logSumOfChildren(scores, family, scores), family, 2)
      const place = spreadOver(states, `place.${index}`, siblings.place)
      const inherited = op.gatherElements(above, parents, 2)
      above = op.scatterElements(inherited, place, op.sub(scores, ofFamily), 2, 'add')
    }
    if (above === undefined) throw new Error('A catalogue has one level at least')
    return above
  }
}

/** The entries of a level that need a score. */
const scoredEntries = ({ entry, logWeight, siblings }: CandidateLevel): ScoredEntries =>
  siblings === undefined
    ? { entry, logWeight }
    : {
        entry: op.gatherElements(entry, siblings.place, 1),
        logWeight: op.gatherElements(logWeight, siblings.place, 1),
      }
