// What users come with, in a picture that is small enough for a metric: the first code of the newest item of a history.

/** Codes beyond are folded onto the first ones: each is a series of every Pod. */
const mostCodes = 64

export interface FirstCodes {
  /** How many there are. */
  readonly count: number
  /** Of an item by its index. */
  of(item: number): number
}

/**
 * @param codes [items, codebookSizes.length]
 * @param codebookSizes entries by level
 */
export function firstCodes(codes: Uint16Array, codebookSizes: readonly number[]): FirstCodes {
  const count = Math.min(codebookSizes[0], mostCodes)
  return { count, of: (item) => codes[item * codebookSizes.length] % count }
}
