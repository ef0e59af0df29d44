const atATime = 4

/** What each of `items` has gone wrong in: a simulation waits for its own store, and four of them keep a core busy. */
export async function fourAtATime<T>(items: readonly T[], wrongIn: (item: T) => Promise<string[]>): Promise<string[]> {
  const wrong: string[] = []
  for (let from = 0; from < items.length; from += atATime)
    wrong.push(...(await Promise.all(items.slice(from, from + atATime).map(wrongIn))).flat())
  return wrong
}
