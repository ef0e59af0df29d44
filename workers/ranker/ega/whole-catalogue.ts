// The item head over all items of a catalogue at once, as full ranking needs it.

import type { Graph } from '../../tensor/graph.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { RankerShape } from '../architecture.ts'
import type { Catalogue } from '../catalogue.ts'
import { type CandidateLevel, type EntryTables, type ItemHead, itemHead } from './item-head.ts'

/** Codes and content of a catalogue as constants of a graph. */
export const entryTables = (graph: Graph, { tokens, content, projection }: Catalogue): EntryTables => ({
  token: graph.constant('int32', [tokens.length], tokens),
  content: graph.constant('float32', [tokens.length, projection.dimensions], content),
})

/** All entries of the catalogue's trie as one group of candidates, which are the leaves in their order. */
export const wholeCatalogue = (graph: Graph, { trie, levels }: Pick<Catalogue, 'trie' | 'levels'>): CandidateLevel[] =>
  Array.from({ length: levels }, (_, level) => {
    const first = trie.levelStart[level + 1]
    const count = trie.levelStart[level + 2] - first
    const parent = new Int32Array(count)
    for (let node = trie.levelStart[level]; node < trie.levelStart[level + 1]; node++)
      parent.fill(node - trie.levelStart[level], trie.start[node] + 1 - first, trie.start[node + 1] + 1 - first)
    return {
      entry: graph.constant(
        'int32',
        [1, count],
        Int32Array.from({ length: count }, (_each, place) => first + place - 1),
      ),
      parent: level === 0 ? undefined : graph.constant('int32', [1, count], parent),
      logWeight: graph.filled([1, count], 0),
    }
  })

/**
 * log z of every item by leaf of the trie, [1, rows, items] from states [1, rows, hiddenSize]. The catalogue becomes part
 * of the graph.
 */
export const catalogueHead = (
  graph: Graph,
  parameters: Parameters,
  shape: RankerShape,
  catalogue: Catalogue,
): ItemHead => itemHead(parameters, shape, entryTables(graph, catalogue), wholeCatalogue(graph, catalogue))
