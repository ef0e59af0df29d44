// The order of a list by scores.

import { tieOrder } from '../top-items.ts'

/** A score that is no number: its list has no order. */
export class UnorderedListError extends Error {
  readonly retryable = false

  constructor(item: number) {
    super(`The score of item ${item} is not a number`)
    this.name = 'UnorderedListError'
  }
}

/**
 * 1-based rank of each candidate, the greatest score first. Equal scores are ordered by a hash of seed and item: a scorer
 * that tells nothing ranks at random, however the candidates are arranged.
 * @param seed of the list; with one seed for all, items would always tie the same way
 * @throws UnorderedListError
 */
export function ranksByScore(candidates: Uint32Array, scores: ArrayLike<number>, seed: number): Uint32Array {
  candidates.forEach((item, place) => {
    if (Number.isNaN(scores[place])) throw new UnorderedListError(item)
  })
  const tie = (place: number): number => tieOrder(seed, candidates[place])
  const places = Uint32Array.from(candidates.keys()).sort((a, b) =>
    scores[a] === scores[b] ? tie(a) - tie(b) : scores[a] > scores[b] ? -1 : 1,
  )
  const ranks = new Uint32Array(candidates.length)
  places.forEach((place, before) => {
    ranks[place] = before + 1
  })
  return ranks
}
