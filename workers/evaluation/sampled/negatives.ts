// What a target is ranked among.

import type { Random } from '../../tensor/random.ts'

/** Distinct items that are not excluded: `count` of them, or fewer where there are no more. */
export type DrawNegatives = (random: Random, excluded: ReadonlySet<number>, count: number) => Uint32Array

/** Draws that may miss, by item that is wanted, before those that are left are looked at one by one. */
const patience = 16

/**
 * One after the other in proportion to their weights, without replacement; an item of weight 0 is never drawn.
 * @param weights by item, none below 0
 */
export function weightedNegatives(weights: ArrayLike<number>): DrawNegatives {
  const upTo = sumsUpTo(weights)
  const total = upTo.at(-1) ?? 0
  return (random, excluded, count) => {
    const drawn = new Set<number>()
    const isFree = (item: number): boolean => weights[item] > 0 && !excluded.has(item) && !drawn.has(item)
    // Drawing again what may not be had is drawing from what is left, and quick as long as that is most of it.
    for (let draws = patience * count; draws > 0 && drawn.size < count && total > 0; draws--) {
      const item = firstAbove(upTo, random.uniform() * total)
      if (isFree(item)) drawn.add(item)
    }
    if (drawn.size < count) drawFromLeft(random, weights, isFree, { drawn, count })
    return Uint32Array.from(drawn)
  }
}

/** Every one of these as likely as any other. */
export const negativesAmong =
  (pool: Uint32Array): DrawNegatives =>
  (random, excluded, count) => {
    const free = Uint32Array.from(new Set(pool)).filter((item) => !excluded.has(item))
    return random.shuffle(free).slice(0, count)
  }

/** Of each value and all before it. */
function sumsUpTo(values: ArrayLike<number>): Float64Array {
  let sum = 0
  return Float64Array.from(values, (value) => {
    sum += value
    return sum
  })
}

/** The first place whose value is above; the last where none is, as rounding may have it. */
function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle] > value) high = middle
    else low = middle + 1
  }
  return low
}

function drawFromLeft(
  random: Random,
  weights: ArrayLike<number>,
  isFree: (item: number) => boolean,
  { drawn, count }: { readonly drawn: Set<number>; readonly count: number },
): void {
  const left = Array.from({ length: weights.length }, (_, item) => item).filter(isFree)
  while (drawn.size < count && left.length > 0) {
    const upTo = sumsUpTo(left.map((item) => weights[item]))
    const place = firstAbove(upTo, random.uniform() * upTo[left.length - 1])
    drawn.add(left[place])
    left.splice(place, 1)
  }
}
