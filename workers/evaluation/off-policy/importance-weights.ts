/** The largest weight that is told apart from larger ones, e^300: sums of such weights and of their squares are numbers. */
export const mostWeight = Math.exp(300)

export interface ImportanceWeights {
  /** [rows], at most the clip. */
  readonly values: Float64Array
  /** Rows whose weight was cut. */
  readonly clipped: number
  /** Share of the sum of the weights that cutting took away: with rewards of at least 0 it bounds how far clipped IPS is too low, as a share of the rewards' range. */
  readonly lostMass: number
}

/** @param clip largest weight; Infinity cuts none */
export function clipWeights(weights: Float64Array, clip: number): ImportanceWeights {
  const values = weights.map((weight) => Math.min(weight, clip))
  let clipped = 0
  let whole = 0
  let kept = 0
  for (let row = 0; row < values.length; row++) {
    if (weights[row] > clip) clipped++
    whole += weights[row]
    kept += values[row]
  }
  return { values, clipped, lostMass: whole === 0 ? 0 : 1 - kept / whole }
}

/**
 * How many equal ones a sum of unequal terms is worth: (Σ x)² / Σ x² (Kish 1965); 0 where all are 0. Of weights it is
 * the effective sample size; of weighted rewards, how many rewards the estimate truly rests on. 1 where a weight was too
 * large to be told from larger ones: it may outweigh whatever stands beside it.
 */
export function effectiveCount(terms: Float64Array): number {
  let sum = 0
  let squares = 0
  for (const term of terms) {
    if (term >= mostWeight) return 1
    sum += term
    squares += term * term
  }
  return squares === 0 ? 0 : (sum * sum) / squares
}

/**
 * Of all terms, or of the depth that has the least of them if all rows were like it. Where weights multiply down a list,
 * the first slots may have many and the last ones none, and a mean over slots needs all of them. Depths that less than a
 * tenth of the rows of an average one reach do not decide: they hardly move that mean.
 * @param depth of each term, from 0; absent: depths are alike
 */
export function leastEffectiveCount(terms: Float64Array, depth: Uint32Array | undefined): number {
  const all = effectiveCount(terms)
  if (depth === undefined || terms.length === 0) return all
  const byDepth = Map.groupBy(terms.keys(), (row) => depth[row])
  const enough = terms.length / byDepth.size / 10
  return Array.from(byDepth.values()).reduce((least, rows) => {
    if (rows.length < enough) return least
    const share = effectiveCount(Float64Array.from(rows, (row) => terms[row])) / rows.length
    return Math.min(least, share * terms.length)
  }, all)
}
