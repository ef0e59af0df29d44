// What a ranker knows of every item: its codes, its features, and which codes may follow each other.

import { buildTrie, type Trie } from '../tokenizer/trie.ts'

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
}

/** @throws DuplicatePathError when two items have the same codes */
export const openCatalogue = (items: CodedItems): Catalogue => {
  const { codes, levels, itemCount } = items
  const trie = buildTrie(codes, levels, itemCount)
  const nodes = new Uint32Array(itemCount * levels)
  const parent = new Uint32Array(trie.nodeCount)
  for (let node = 0; node < trie.nodeCount; node++) parent.fill(node, trie.start[node] + 1, trie.start[node + 1] + 1)
  for (let leaf = 0; leaf < itemCount; leaf++) {
    let node = trie.levelStart[levels] + leaf
    for (let level = levels - 1; level >= 0; level--) {
      node = parent[node]
      nodes[trie.leafItem[leaf] * levels + level] = node
    }
  }
  return { ...items, trie, nodes }
}

/** Marks with 1 in `row` the codes of the children of a node. */
export const markChildren = ({ trie }: Catalogue, node: number, row: Uint8Array): void => {
  for (let entry = trie.start[node]; entry < trie.start[node + 1]; entry++) row[trie.token[entry]] = 1
}
