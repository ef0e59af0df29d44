// Gradient ascent on the bids of a mechanism that has no gradient: the choice of a list is a step in every bid. What climbs
// is the utility under bids that are smeared over a neighbourhood, whose gradient is an expectation of differences of
// utilities (Nesterov and Spokoiny, "Random gradient-free minimization of convex functions", 2017); it leads over steps and
// through prices alike. Every difference is of two reports tried on the mechanism itself, and counts as a trial.

import type { Random } from '../../tensor/random.ts'
import { gradientSearch } from './gradient-search.ts'
import type { Report } from './misreports.ts'
import { bestOf, type Search, type TryReports } from './search.ts'

export interface GradientBudget {
  /** Starts of a gradient ascent: the best report found, then random ones. */
  readonly climbs: number
  /** Of each, with two reports a step. */
  readonly steps: number
}

/** Standard deviation of the smearing, and the first step, in logarithms of bids. */
const width = 0.15
/** Random starts and all reports are within [0.01, 3] of the scale. */
const [low, high] = [Math.log(0.01), Math.log(3)]

/** All searches of one page view together. */
export async function climb(
  searches: readonly Search[],
  ask: TryReports,
  scaleOf: (search: Search) => Report,
  random: Random,
  { climbs, steps }: GradientBudget,
): Promise<void> {
  if (climbs === 0 || steps === 0 || searches.length === 0) return
  // Rows of one length: of a bidder with fewer ads the rest changes nothing.
  const dimensions = Math.max(...searches.map(({ ads }) => ads.length))
  const scales = searches.map(scaleOf)
  const starts = searches.flatMap((search, place) => [
    logarithms(bestOf([search.truth, ...search.trials], 1)[0].report, scales[place], dimensions),
    ...Array.from({ length: climbs - 1 }, () =>
      Float32Array.from({ length: dimensions }, () => low + (high - low) * random.uniform()),
    ),
  ])
  const utilityOf = async (reports: Float32Array) => {
    const noise = Float32Array.from(reports, () => random.normal())
    const before = searches.map(({ trials }) => trials.length)
    const rowsOf = (place: number) => Array.from({ length: climbs }, (_, start) => place * climbs + start)
    const smeared = (row: number, place: number, sign: number): Report =>
      scales[place].map((scale, ad) => {
        const at = row * dimensions + ad
        return scale * Math.exp(reports[at] + sign * width * noise[at])
      })
    const places = new Map(searches.map((search, place) => [search, place]))
    await ask((search) => {
      const place = places.get(search) ?? 0
      return rowsOf(place).flatMap((row) => [smeared(row, place, 1), smeared(row, place, -1)])
    })
    const utility = new Float64Array(searches.length * climbs)
    const gradient = new Float64Array(reports.length)
    for (const [place, { ads, trials }] of searches.entries())
      for (const [start, row] of rowsOf(place).entries()) {
        const [up, down] = [trials[before[place] + 2 * start], trials[before[place] + 2 * start + 1]]
        utility[row] = (up.utility + down.utility) / 2
        const slope = (up.utility - down.utility) / (2 * width)
        for (const ad of ads.keys()) gradient[row * dimensions + ad] = slope * noise[row * dimensions + ad]
      }
    return { utility, gradient }
  }
  await gradientSearch(utilityOf, Float32Array.from(starts.flatMap((row) => [...row])), {
    ...{ dimensions, steps, low, high },
    rate: width,
  })
}

function logarithms(report: Report, scale: Report, dimensions: number): Float32Array {
  const row = new Float32Array(dimensions)
  report.forEach((bid, ad) => {
    if (scale[ad] > 0) row[ad] = Math.min(high, Math.max(low, Math.log(bid / scale[ad])))
  })
  return row
}
