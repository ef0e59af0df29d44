// Random numbers that are the same on every machine: xoshiro128** (Blackman and Vigna, 2018) on 32-bit integers, its
// state drawn by splitmix32 from a seed and any number of labels. A stream per (seed, purpose, step) needs no state of
// its own to resume.

const splitmix32 = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

/** Folds labels into one 32-bit number (FNV-1a over their text, then mixed). */
const digest = (labels: readonly (number | string)[]): number => {
  let hash = 0x811c9dc5
  for (const character of JSON.stringify(labels)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return hash
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/** The generator on a state of four words, not all zero, which it advances in place; gives 0 to 2^32 - 1. */
export const xoshiro128 = (state: Int32Array): (() => number) => {
  return () => {
    const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0
    const shifted = state[1] << 9
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = rotate(state[3], 11)
    return result
  }
}

export class Random {
  /** 0 to 2^32 - 1. */
  readonly uint32: () => number
  #spareNormal: number | undefined

  /** The stream of these labels, usually a seed, a purpose and a step: `new Random(7, 'dropout', 120)`. */
  constructor(...labels: readonly (number | string)[]) {
    this.uint32 = xoshiro128(Int32Array.from({ length: 4 }, splitmix32(digest(labels))))
  }

  /** [0, 1), of 53 random bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000
  }

  /** An integer in [0, bound), bound at most 2^32, without bias. */
  below(bound: number): number {
    const limit = 0x100000000 - (0x100000000 % bound)
    let drawn = this.uint32()
    while (drawn >= limit) drawn = this.uint32()
    return drawn % bound
  }

  /** Standard normal, by Marsaglia's polar method. */
  normal(): number {
    const spare = this.#spareNormal
    if (spare !== undefined) {
      this.#spareNormal = undefined
      return spare
    }
    for (;;) {
      const x = 2 * this.uniform() - 1
      const y = 2 * this.uniform() - 1
      const radius = x * x + y * y
      if (radius >= 1 || radius === 0) continue
      const factor = Math.sqrt((-2 * Math.log(radius)) / radius)
      this.#spareNormal = y * factor
      return x * factor
    }
  }

  /** Fisher and Yates, in place. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1)
      const held = items[last]
      items[last] = items[other]
      items[other] = held
    }
    return items
  }

  /** 0 to length - 1 in random order. */
  permutation(length: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length }, (_, index) => index))
  }

  /** Fills `mask` with 1 (keep, probability 1 - rate) and 0: the boolean input of `dropout`. */
  keepMask(mask: Uint8Array, rate: number): Uint8Array {
    const threshold = Math.round(rate * 0x10000)
    for (let index = 0; index < mask.length; index += 2) {
      const bits = this.uint32()
      mask[index] = (bits & 0xffff) >= threshold ? 1 : 0
      if (index + 1 < mask.length) mask[index + 1] = bits >>> 16 >= threshold ? 1 : 0
    }
    return mask
  }
}
