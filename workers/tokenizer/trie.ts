// The catalogue's codes as a tree, for decoding that can only end in an item. Nodes are numbered level by level, the
// root is 0, children of one node stand together in the order of their tokens.

export interface Trie {
  readonly levels: number
  readonly itemCount: number
  readonly nodeCount: number
  /** First node of each level; entry 0 is 0 (the root), entry levels + 1 is nodeCount. */
  readonly levelStart: Uint32Array
  /** Children of node v are the entries start[v] .. start[v + 1] of token and child; leaves have none. */
  readonly start: Uint32Array
  /** Code that leads to the child. */
  readonly token: Uint16Array
  readonly child: Uint32Array
  /** Most children of a node, by level of the node. */
  readonly maxChildren: readonly number[]
  /** Item of each leaf: leaf v is entry v - levelStart[levels]. */
  readonly leafItem: Uint32Array
}

/** Two items with one path, which no decoding could tell apart. */
export class DuplicatePathError extends Error {
  constructor(first: number, second: number, path: Uint16Array) {
    super(`Items ${first} and ${second} have the same codes ${path.join('-')}: build the tokenizer anew`)
    this.name = 'DuplicatePathError'
  }
}

/**
 * Builds the tree of `codes` [items, levels]; paths must be unique.
 * @throws DuplicatePathError
 */
export function buildTrie(codes: Uint16Array, levels: number, itemCount: number): Trie {
  if (codes.length !== itemCount * levels)
    throw new Error(
      `codes has ${codes.length} entries; ${itemCount} items of ${levels} levels need ${itemCount * levels}`,
    )
  const order = sortByPath(codes, levels, itemCount)
  const sharedLength = sharedPrefixLengths(codes, levels, order)
  const levelStart = countNodes(sharedLength, levels)
  const nodeCount = levelStart[levels + 1]
  const start = new Uint32Array(nodeCount + 1)
  const token = new Uint16Array(Math.max(0, nodeCount - 1))
  // Nodes other than the root are numbered as their entries are: the child at entry e is node e + 1.
  const child = Uint32Array.from({ length: token.length }, (_, entry) => entry + 1)
  const next = levelStart.slice()
  const path = new Uint32Array(levels + 1)
  for (let rank = 0; rank < itemCount; rank++) {
    for (let level = sharedLength[rank]; level < levels; level++) {
      const node = next[level + 1]++
      token[node - 1] = codes[order[rank] * levels + level]
      start[path[level] + 1]++
      path[level + 1] = node
    }
  }
  const maxChildren = Array.from({ length: levels }, (_, level) =>
    start.subarray(levelStart[level] + 1, levelStart[level + 1] + 1).reduce((most, count) => Math.max(most, count), 0),
  )
  for (let node = 0; node < nodeCount; node++) start[node + 1] += start[node]
  return { levels, itemCount, nodeCount, levelStart, start, token, child, maxChildren, leafItem: order }
}

/** Node of a path of codes, of full length or a prefix; undefined when no item has it. */
export function findNode(trie: Trie, path: ArrayLike<number>): number | undefined {
  let node = 0
  for (let level = 0; level < path.length; level++) {
    let low = trie.start[node]
    let high = trie.start[node + 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (trie.token[middle] < path[level]) low = middle + 1
      else high = middle
    }
    if (low === trie.start[node + 1] || trie.token[low] !== path[level]) return undefined
    node = trie.child[low]
  }
  return node
}

/** Item of a full path; undefined when no item has it. */
export function itemOfPath(trie: Trie, path: ArrayLike<number>): number | undefined {
  if (path.length !== trie.levels) return undefined
  const node = findNode(trie, path)
  return node === undefined ? undefined : trie.leafItem[node - trie.levelStart[trie.levels]]
}

/** By entry of token and child: 1 where an eligible item lies below the child. */
export function eligibleChildren(trie: Trie, isEligible: (item: number) => boolean): Uint8Array {
  const mask = new Uint8Array(trie.child.length)
  const firstLeaf = trie.levelStart[trie.levels]
  // Children come after their parents, so one pass from the end sees every child before its parent.
  for (let node = trie.nodeCount - 1; node > 0; node--) {
    let eligible = false
    if (node >= firstLeaf) eligible = isEligible(trie.leafItem[node - firstLeaf])
    for (let entry = trie.start[node]; !eligible && entry < trie.start[node + 1]; entry++) eligible = mask[entry] === 1
    mask[node - 1] = eligible ? 1 : 0
  }
  return mask
}

function sortByPath(codes: Uint16Array, levels: number, itemCount: number): Uint32Array {
  return Uint32Array.from({ length: itemCount }, (_, item) => item).sort((a, b) => {
    for (let level = 0; level < levels; level++) {
      const difference = codes[a * levels + level] - codes[b * levels + level]
      if (difference !== 0) return difference
    }
    return a - b
  })
}

/** How many codes each path shares with the one before it in order. */
function sharedPrefixLengths(codes: Uint16Array, levels: number, order: Uint32Array): Uint8Array {
  const lengths = new Uint8Array(order.length)
  for (let rank = 1; rank < order.length; rank++) {
    const current = order[rank] * levels
    const before = order[rank - 1] * levels
    let shared = 0
    while (shared < levels && codes[current + shared] === codes[before + shared]) shared++
    if (shared === levels)
      throw new DuplicatePathError(order[rank - 1], order[rank], codes.subarray(current, current + levels))
    lengths[rank] = shared
  }
  return lengths
}

function countNodes(sharedLength: Uint8Array, levels: number): Uint32Array {
  const levelStart = new Uint32Array(levels + 2)
  levelStart[1] = 1
  for (let level = 1; level <= levels; level++) {
    levelStart[level + 1] = levelStart[level] + sharedLength.reduce((sum, shared) => sum + (shared < level ? 1 : 0), 0)
  }
  return levelStart
}
