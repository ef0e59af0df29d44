// What a ranker knows of every item: its codes, its features, and which codes may follow each other.

import { buildTrie, type Trie } from '../tokenizer/trie.ts'
import { contentOfEntries, type Projection } from './content.ts'

export interface CodedItems {
  readonly itemCount: number
  readonly levels: number
  readonly codebookSizes: readonly number[]
  /** [items, levels], unique by item. */
  readonly codes: Uint16Array
  readonly featureDimensions: number
  /** [items, featureDimensions]. */
  readonly features: Float32Array
}

export interface Catalogue extends CodedItems {
  readonly trie: Trie
  /** Node of each item before each level [items, levels]; the root is 0. */
  readonly nodes: Uint32Array
  /** Place of each item's code among the children of that node [items, levels]. */
  readonly places: Uint32Array
  /** Codes by entry of the trie, as graphs read them. */
  readonly tokens: Int32Array
  readonly projection: Projection
  /** Content below each entry of the trie [entries, projection.dimensions]. */
  readonly content: Float32Array
}

/** @throws DuplicatePathError when two items have the same codes */
export const openCatalogue = (items: CodedItems, projection: Projection): Catalogue => {
  const { codes, levels, itemCount, features } = items
  const trie = buildTrie(codes, levels, itemCount)
  const nodes = new Uint32Array(itemCount * levels)
  const places = new Uint32Array(itemCount * levels)
  const parent = new Uint32Array(trie.nodeCount)
  for (let node = 0; node < trie.nodeCount; node++) parent.fill(node, trie.start[node] + 1, trie.start[node + 1] + 1)
  for (let leaf = 0; leaf < itemCount; leaf++) {
    let child = trie.levelStart[levels] + leaf
    for (let level = levels - 1; level >= 0; level--) {
      const node = parent[child]
      nodes[trie.leafItem[leaf] * levels + level] = node
      places[trie.leafItem[leaf] * levels + level] = child - 1 - trie.start[node]
      child = node
    }
  }
  const content = contentOfEntries(trie, features, projection)
  return { ...items, trie, nodes, places, tokens: Int32Array.from(trie.token), projection, content }
}
