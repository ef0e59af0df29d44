// Beam search over the trie of the catalogue's codes as nodes of one graph: the history is read once, every level
// extends all beams at once, and nothing but an eligible item can come out. A beam of width k loses no item to
// ineligible ones: nodes without an eligible item below them are never taken, so a full list comes out whenever as many
// items are eligible.

import { positionsOf, type RankerShape } from '../ranker/architecture.ts'
import { encode } from '../ranker/backbone.ts'
import type { Catalogue } from '../ranker/catalogue.ts'
import { childrenOf, childScores, nextState, rootScores, type Scorer, type TrieTables } from '../ranker/code-decoder.ts'
import { Graph, type Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { Parameters } from '../tensor/parameters.ts'
import type { Trie } from '../tokenizer/trie.ts'

/** Score of what must not be taken; far below any sum of log-probabilities. */
const impossible = -1e30
/** Below this a beam is no result: fewer items were eligible than the beam is wide. */
export const possibleScore = -1e25

/** Beams kept after each level. */
export const beamWidths = ({ maxChildren }: Trie, beamSize: number): number[] => {
  const widths: number[] = []
  for (const children of maxChildren) widths.push(Math.min(beamSize, (widths.at(-1) ?? 1) * children))
  return widths
}

interface TrieConstants extends TrieTables {
  /** First entry of each node, and one more. */
  readonly start: Value
  /** Leaves below each node, by rank: [leafStart, leafEnd). */
  readonly leafStart: Value
  readonly leafEnd: Value
}

const trieConstants = (graph: Graph, { trie, tokens, content, projection }: Catalogue): TrieConstants => {
  const { start, child, levels, levelStart, nodeCount, maxChildren } = trie
  const leafStart = new Int32Array(nodeCount)
  const leafEnd = new Int32Array(nodeCount)
  for (let node = nodeCount - 1; node >= 0; node--) {
    const rank = node - levelStart[levels]
    const [from, to] = [start[node], start[node + 1]]
    leafStart[node] = rank >= 0 ? rank : leafStart[child[from]]
    leafEnd[node] = rank >= 0 ? rank + 1 : leafEnd[child[to - 1]]
  }
  const vector = (values: Int32Array) => graph.constant('int32', [values.length], values)
  return {
    start: vector(Int32Array.from(start)),
    token: vector(tokens),
    content: graph.constant('float32', [tokens.length, projection.dimensions], content),
    leafStart: vector(leafStart),
    leafEnd: vector(leafEnd),
    entries: tokens.length,
    rootChildren: maxChildren[0],
  }
}

interface Beams {
  /** [B, width, hiddenSize]. */
  readonly state: Value
  /** Node of the trie [B, width]. */
  readonly node: Value
  /** Sum of log-probabilities [B, width]. */
  readonly score: Value
}

/** Number of eligible leaves before each rank, [B, items + 1]. */
const eligibleBefore = (eligible: Value): Value => op.pad(op.cumulativeSum(op.cast(eligible, 'int32'), 1), 1, 1, 0)

const anyEligible = (before: Value, trie: TrieConstants, entry: Value): Value => {
  const child = op.reshape(op.add(entry, 1), ['B', Number(entry.shape[1]) * Number(entry.shape[2])])
  const upTo = op.gatherElements(before, op.gather(trie.leafEnd, child), 1)
  const from = op.gatherElements(before, op.gather(trie.leafStart, child), 1)
  return op.reshape(op.greater(upTo, from), entry.shape)
}

interface Search extends Scorer {
  readonly trie: TrieConstants
  /** Of `eligibleBefore`. */
  readonly before: Value
}

/** The children of all beams' nodes, with their scores, [B, width, most]. */
const expand = (search: Search, { node, state }: Beams, level: number, most: number) => {
  const { trie } = search
  const first = op.gather(trie.start, node)
  const count = op.sub(op.gather(trie.start, op.add(node, 1)), first)
  const children = childrenOf(trie, first, count, most)
  const scores = level === 0 ? rootScores(search, state) : childScores(search, level, state, children)
  return { ...children, logProbability: op.logSoftmax(scores) }
}

/** Extends all beams by one level and keeps the best `width`. */
const extend = (search: Search, beams: Beams, level: number, most: number, width: number) => {
  const { entry, present, logProbability } = expand(search, beams, level, most)
  const [, had] = beams.node.shape
  const total = op.add(logProbability, op.reshape(beams.score, ['B', had, 1]))
  const allowed = op.and(present, anyEligible(search.before, search.trie, entry))
  const flat = ['B', Number(had) * most]
  const best = op.topK(op.reshape(op.where(allowed, total, impossible), flat), width, 1)
  const chosen = op.gatherElements(op.reshape(entry, flat), best.indices, 1)
  const parent = op.reshape(op.div(best.indices, most), ['B', width, 1])
  return {
    node: op.add(chosen, 1),
    token: op.gather(search.trie.token, chosen),
    score: best.values,
    state: op.gatherND(beams.state, parent, 1),
  }
}

/** Where the graph's weights come from: constants for serving, inputs while they still change. */
export interface Weights {
  readonly parameters: Parameters
  /** Input vectors of the items [items, hiddenSize], as `itemVectors` gives them. */
  readonly items: Value
}

/**
 * The whole search. Inputs: history [B, historyLength] int32 item indices, oldest first, anything past the end; length
 * [B] int32, 0 for no history; eligible [B, items] bool by leaf rank of the trie. Outputs, best first: items [B, width]
 * int32 and scores [B, width] log-probabilities; a score below `possibleScore` is no result.
 */
export const beamSearchGraph = (
  shape: RankerShape,
  catalogue: Catalogue,
  beamSize: number,
  weights: (graph: Graph) => Weights,
): Graph => {
  const { trie: tree, itemCount } = catalogue
  const graph = new Graph()
  const { parameters, items } = weights(graph)
  const history = graph.input('history', 'int32', ['B', shape.historyLength])
  const length = graph.input('length', 'int32', ['B'])
  const eligible = graph.input('eligible', 'bool', ['B', itemCount])
  const positions = positionsOf(shape)
  const states = encode(parameters, shape, op.gather(items, history), { batch: 'B', positions })
  const last = op.reshape(op.cast(length, 'int64'), ['B', 1, 1])
  const sequences = op.reshape(states, ['B', positions, shape.hiddenSize])
  const search = { parameters, shape, trie: trieConstants(graph, catalogue), before: eligibleBefore(eligible) }
  const root = op.mul(op.reshape(length, ['B', 1]), 0)
  let beams: Beams = { state: op.gatherND(sequences, last, 1), node: root, score: op.cast(root, 'float32') }
  for (const [level, width] of beamWidths(tree, beamSize).entries()) {
    const { token, ...kept } = extend(search, beams, level, tree.maxChildren[level], width)
    const onwards = level < tree.levels - 1
    beams = { ...kept, state: onwards ? nextState(search, level, kept.state, token) : kept.state }
  }
  const leafItem = graph.constant('int32', [itemCount], Int32Array.from(tree.leafItem))
  graph.output('items', op.gather(leafItem, op.sub(beams.node, tree.levelStart[tree.levels])))
  graph.output('scores', beams.score)
  return graph
}
