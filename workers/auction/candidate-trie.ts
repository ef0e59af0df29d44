// The codes of one request's candidates as a trie of their own, cut out of the catalogue's.

import type { Catalogue } from '../ranker/catalogue.ts'

export interface TrieLevel {
  /** Entry of the catalogue's trie, by place. */
  readonly entry: Int32Array
  /** Place of the parent in the level above, by place; all 0 at the first level. */
  readonly parent: Int32Array
  /** Place of each candidate's entry. */
  readonly path: Int32Array
}

/**
 * Places are given in the order in which candidates first come to an entry, so that those of the last level are the
 * candidates themselves: no two items have one path.
 */
export function candidateTrie(
  { trie, nodes, places, levels }: Pick<Catalogue, 'trie' | 'nodes' | 'places' | 'levels'>,
  items: ArrayLike<number>,
): TrieLevel[] {
  let above = new Int32Array(items.length)
  return Array.from({ length: levels }, (_, level) => {
    const known = new Map<number, number>()
    const entry: number[] = []
    const parent: number[] = []
    const path = new Int32Array(items.length)
    for (let candidate = 0; candidate < items.length; candidate++) {
      const at = items[candidate] * levels + level
      const found = trie.start[nodes[at]] + places[at]
      let place = known.get(found)
      if (place === undefined) {
        place = entry.length
        known.set(found, place)
        entry.push(found)
        parent.push(above[candidate])
      }
      path[candidate] = place
    }
    above = path
    return { entry: Int32Array.from(entry), parent: Int32Array.from(parent), path }
  })
}

/** Entries of a level that share their parent with others, and which of them do: `family` counts from the first of each. */
export interface Siblings {
  readonly place: Int32Array
  readonly family: Int32Array
}

export function siblingsOf({ parent }: Pick<TrieLevel, 'parent'>): Siblings {
  const children = new Map<number, number>()
  for (const each of parent) children.set(each, (children.get(each) ?? 0) + 1)
  const place = Array.from(parent.keys()).filter((each) => (children.get(parent[each]) ?? 0) > 1)
  const firstOf = new Map<number, number>()
  for (const [index, each] of place.entries()) if (!firstOf.has(parent[each])) firstOf.set(parent[each], index)
  return { place: Int32Array.from(place), family: Int32Array.from(place, (each) => firstOf.get(parent[each]) ?? 0) }
}
