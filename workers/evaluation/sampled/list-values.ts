// The value of one list by each metric, from the ranks of its candidates; and what it is by chance, every order of the
// candidates being as likely as any other.

/** 1 / log2(rank + 1). */
const discount = (rank: number): number => 1 / Math.log2(rank + 1)

/** Sum of the discounts of the first `cutoff` ranks of `size`. */
function discounts(cutoff: number, size: number): number {
  let sum = 0
  for (let rank = 1; rank <= Math.min(cutoff, size); rank++) sum += discount(rank)
  return sum
}

/** Whether the target is among the first. */
export const hit = (rank: number, cutoff: number): number => Number(rank <= cutoff)

export const hitByChance = (size: number, cutoff: number): number => Math.min(cutoff, size) / size

/** NDCG of one target. */
export const ndcg = (rank: number, cutoff: number): number => (rank <= cutoff ? discount(rank) : 0)

export const ndcgByChance = (size: number, cutoff: number): number => discounts(cutoff, size) / size

/** Gains of a list by candidate, and in the best order. */
export interface GradedList {
  readonly gains: Float64Array
  readonly best: Float64Array
}

export const gradedList = (gains: Float64Array): GradedList => ({ gains, best: gains.toSorted().reverse() })

/** Whether a list has candidates of different gains: where all are alike, every order is the best. */
export const isGraded = ({ best }: GradedList): boolean => best.length > 0 && best[0] !== best[best.length - 1]

/** Most that the first `cutoff` places can hold. */
function idealGain({ best }: GradedList, cutoff: number): number {
  let sum = 0
  for (let before = 0; before < Math.min(cutoff, best.length); before++) sum += best[before] * discount(before + 1)
  return sum
}

/** NDCG with gains by candidate, of a list that `isGraded`. */
export function gradedNdcg(ranks: Uint32Array, list: GradedList, cutoff: number): number {
  const { gains } = list
  const found = ranks.reduce((sum, rank, place) => (rank <= cutoff ? sum + gains[place] * discount(rank) : sum), 0)
  return found / idealGain(list, cutoff)
}

export function gradedNdcgByChance(list: GradedList, cutoff: number): number {
  const { gains } = list
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length
  return (mean * discounts(cutoff, gains.length)) / idealGain(list, cutoff)
}

/** Share of the first `cutoff` of one order that are among the first `cutoff` of the other. */
export function overlap(ranks: Uint32Array, others: Uint32Array, cutoff: number): number {
  const shared = ranks.filter((rank, place) => rank <= cutoff && others[place] <= cutoff).length
  return shared / Math.min(cutoff, ranks.length)
}

export const overlapByChance = (size: number, cutoff: number): number => hitByChance(size, cutoff)

/** By difference 0, 1, ..: share of the candidates whose ranks in the two orders are so far apart. */
export function rankDifferences(ranks: Uint32Array, others: Uint32Array): Float64Array {
  const shares = new Float64Array(ranks.length)
  ranks.forEach((rank, place) => {
    shares[Math.abs(rank - others[place])] += 1 / ranks.length
  })
  return shares
}

export const rankDifferencesByChance = (size: number): Float64Array =>
  Float64Array.from({ length: size }, (_, apart) => (apart === 0 ? 1 / size : (2 * (size - apart)) / size ** 2))
