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

/** Whether a list has candidates of different gains: where all are alike, every order is the best. */
export const isGraded = (gains: Float64Array): boolean => gains.some((gain) => gain !== gains[0])

/** Most that the first `cutoff` places can hold. */
const idealGain = (gains: Float64Array, cutoff: number): number =>
  gains
    .toSorted()
    .toReversed()
    .subarray(0, cutoff)
    .reduce((sum, gain, before) => sum + gain * discount(before + 1), 0)

/** NDCG with gains by candidate, of a list that `isGraded`. */
export function gradedNdcg(ranks: Uint32Array, gains: Float64Array, cutoff: number): number {
  const found = ranks.reduce((sum, rank, place) => (rank <= cutoff ? sum + gains[place] * discount(rank) : sum), 0)
  return found / idealGain(gains, cutoff)
}

export function gradedNdcgByChance(gains: Float64Array, cutoff: number): number {
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length
  return (mean * discounts(cutoff, gains.length)) / idealGain(gains, cutoff)
}

/** Share of the first `cutoff` of one order that are among the first `cutoff` of the other. */
export function overlap(ranks: Uint32Array, others: Uint32Array, cutoff: number): number {
  const shared = ranks.filter((rank, place) => rank <= cutoff && others[place] <= cutoff).length
  return shared / Math.min(cutoff, ranks.length)
}

export const overlapByChance = hitByChance

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
