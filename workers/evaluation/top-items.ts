// The best items by score. Equal scores are ordered by a hash of (seed, item): their order among themselves must not
// tell of item indices, which some data sets number by first appearance.

/** A permutation of 32-bit numbers that depends on the seed (the finish of MurmurHash3): distinct items never tie. */
export function tieOrder(seed: number, item: number): number {
  let hash = (item ^ Math.imul(seed | 0, 0x9e3779b1)) | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Holds the best `size` of the items that it is offered, in a heap whose root is the worst held. */
export class TopItems {
  readonly #size: number
  readonly #seed: number
  readonly #items: number[] = []
  readonly #scores: number[] = []

  constructor(size: number, seed: number) {
    this.#size = size
    this.#seed = seed
  }

  get length(): number {
    return this.#items.length
  }

  /** Offer each item once. A score that is not a number counts as the worst of all and is left out. */
  offer(item: number, score: number): void {
    if (Number.isNaN(score) || this.#size === 0) return
    if (this.#items.length < this.#size) {
      this.#items.push(item)
      this.#scores.push(score)
      this.#rise(this.#items.length - 1)
    } else if (this.#isWorse(this.#items[0], this.#scores[0], item, score)) {
      this.#items[0] = item
      this.#scores[0] = score
      this.#sink(0)
    }
  }

  /** Best first. */
  ranked(): Uint32Array {
    const order = [...this.#items.keys()].sort((a, b) =>
      this.#isWorse(this.#items[a], this.#scores[a], this.#items[b], this.#scores[b]) ? 1 : -1,
    )
    return Uint32Array.from(order, (place) => this.#items[place])
  }

  #isWorse(item: number, score: number, other: number, otherScore: number): boolean {
    if (score !== otherScore) return score < otherScore
    return tieOrder(this.#seed, item) > tieOrder(this.#seed, other)
  }

  #worseAt(a: number, b: number): boolean {
    return this.#isWorse(this.#items[a], this.#scores[a], this.#items[b], this.#scores[b])
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a]
    const score = this.#scores[a]
    this.#items[a] = this.#items[b]
    this.#scores[a] = this.#scores[b]
    this.#items[b] = item
    this.#scores[b] = score
  }

  #rise(place: number): void {
    while (place > 0) {
      const parent = (place - 1) >>> 1
      if (!this.#worseAt(place, parent)) return
      this.#swap(place, parent)
      place = parent
    }
  }

  #sink(place: number): void {
    for (;;) {
      let worst = place
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < this.#items.length && this.#worseAt(child, worst)) worst = child
      }
      if (worst === place) return
      this.#swap(worst, place)
      place = worst
    }
  }
}

/** Best `size` items by dense scores, those of the history masked. */
export function rankScores(scores: ArrayLike<number>, history: Uint32Array, size: number, seed: number): Uint32Array {
  const masked = new Set(history)
  const top = new TopItems(size, seed)
  for (let item = 0; item < scores.length; item++) if (!masked.has(item)) top.offer(item, scores[item])
  return top.ranked()
}
