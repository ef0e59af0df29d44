// What is shown between ads to a request that names nothing: what most took.

/**
 * The items with the most events, the best first, none twice.
 * @param excluded items that do not count
 */
export function popularItems(events: Uint32Array, excluded: Iterable<number>, count: number): Uint32Array {
  const taken = new Map<number, number>()
  for (const item of events) taken.set(item, (taken.get(item) ?? 0) + 1)
  for (const item of excluded) taken.delete(item)
  const ranked = [...taken].sort(([one, a], [other, b]) => b - a || one - other)
  return Uint32Array.from(ranked.slice(0, count), ([item]) => item)
}
