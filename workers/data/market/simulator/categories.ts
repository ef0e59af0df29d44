/** Brands and top categories, from nothing but the order of the items' attributes. */

interface AttributedItems {
  readonly itemCount: number
  itemAttributes(item: number): readonly string[]
}

export interface Categories {
  /** Ids of advertisers, in code unit order. */
  readonly advertisers: readonly string[]
  /** [items]. */
  readonly advertiserOf: Uint32Array
  /** Names of top categories, in code unit order. */
  readonly roots: readonly string[]
  /** [items], -1 for items without attributes. */
  readonly rootOf: Int32Array
}

/** Stand for no brand. */
const placeholders = new Set(['unknown', 'unbranded', 'none', 'null', 'n/a', 'na', '-'])

/** Items without attributes have advertisers of about so many items. */
const HOUSE_ITEMS = 20

/**
 * Attributes go from the brand, where there is one, over the top category to the leaf. A name that leads some items and
 * comes second in others is a top category: it stands behind a brand where there is one. What leads otherwise is a
 * brand. An item belongs to its brand, else to the leaf of its categories; one without attributes to one of a few
 * houses, by its index, which is a seeded hash of its id.
 */
export function categoriesOf(items: AttributedItems): Categories {
  const isRoot = rootNames(items)
  const advertisers: string[] = []
  const roots: (string | undefined)[] = []
  const houses = Math.max(1, Math.round(items.itemCount / HOUSE_ITEMS))
  for (let item = 0; item < items.itemCount; item++) {
    const names = items.itemAttributes(item)
    const [first, second] = names
    const hasBrand = first !== undefined && !isRoot.has(first)
    const isNamed = hasBrand && !placeholders.has(first.toLowerCase())
    if (first === undefined) advertisers.push(`house-${item % houses}`)
    else advertisers.push(isNamed ? first : `leaf:${names.at(-1)}`)
    roots.push(hasBrand ? (second ?? first) : first)
  }
  const numbered = number(advertisers)
  const numberedRoots = number(roots.filter((root) => root !== undefined))
  return {
    advertisers: numbered.names,
    advertiserOf: Uint32Array.from(advertisers, (name) => numbered.indexOf(name)),
    roots: numberedRoots.names,
    rootOf: Int32Array.from(roots, (name) => (name === undefined ? -1 : numberedRoots.indexOf(name))),
  }
}

/** A stray brand in second place does not make it a category. */
const LEAST_SECOND_SHARE = 0.1

function rootNames(items: AttributedItems): Set<string> {
  const first = new Map<string, number>()
  const second = new Map<string, number>()
  const count = (counts: Map<string, number>, name: string | undefined) => {
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (let item = 0; item < items.itemCount; item++) {
    const names = items.itemAttributes(item)
    count(first, names[0])
    count(second, names[1])
  }
  const isRoot = ([name, times]: [string, number]) => (second.get(name) ?? 0) >= LEAST_SECOND_SHARE * times
  return new Set([...first].filter(isRoot).map(([name]) => name))
}

function number(names: readonly string[]) {
  const sorted = [...new Set(names)].sort()
  const indices = new Map(sorted.map((name, index) => [name, index]))
  return { names: sorted, indexOf: (name: string): number => indices.get(name) ?? -1 }
}
