// Search around the best bids found, in steps that halve: it closes in on where an outcome changes.

import type { Report } from './misreports.ts'
import { bestOf, type Search, type Trial, type TryReports } from './search.ts'

export interface PatternBudget {
  /** Of all reports tried, the best so many become starts of a pattern search. */
  readonly refined: number
  /** Of the pattern search, each of which tries two reports beside every start. */
  readonly rounds: number
}

/**
 * In steps of the bids' logarithms, all searches of one page view together: all ads of the bidder up and down, or, in every
 * second round of a bidder of several ads, one of them, by turns.
 */
export async function patternSearch(
  searches: readonly Search[],
  ask: TryReports,
  { refined, rounds }: PatternBudget,
): Promise<void> {
  if (refined === 0) return
  const centres = new Map(searches.map((search) => [search, bestOf([search.truth, ...search.trials], refined)]))
  const centresOf = (search: Search): readonly Trial[] => centres.get(search) ?? []
  for (let round = 0; round < rounds; round++) {
    const before = new Map(searches.map((search) => [search, search.trials.length]))
    await ask((search) =>
      centresOf(search).flatMap(({ report }) => [moved(report, round, -1), moved(report, round, 1)]),
    )
    for (const search of searches) {
      const fresh = search.trials.slice(before.get(search))
      const next = centresOf(search).map(
        (centre, place) => bestOf([centre, fresh[2 * place], fresh[2 * place + 1]], 1)[0],
      )
      centres.set(search, next)
    }
  }
}

/** The step is halved with every round, or with every second one of a bidder of several ads. */
function moved(report: Report, round: number, sign: number): Report {
  const several = report.length > 1
  const step = 0.2 / 2 ** (several ? Math.floor(round / 2) : round)
  const alone = several && round % 2 === 1 ? ((round - 1) / 2) % report.length : undefined
  return report.map((bid, place) => (alone === undefined || alone === place ? bid * Math.exp(sign * step) : bid))
}
