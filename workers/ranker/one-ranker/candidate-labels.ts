// The eCPM that candidates are ordered by: of a reward model's clicks, or of logged ones.

import type { RewardScorer } from '../../auction/reward-model/scorer.ts'
import type { CandidatePool } from './candidate-sets.ts'

/** Candidates of one row: places of its pool. */
export interface Unlabelled {
  /** Items that the user took before, oldest first. */
  readonly history: Uint32Array
  readonly pool: CandidatePool
  readonly places: readonly number[]
}

/** By row and candidate the value of a showing, in units of the mean bid; NaN where it is not known. */
export type CandidateLabels = (rows: readonly Unlabelled[]) => Promise<ArrayLike<number>[]>

/** (value + conversion value * pCVR) * pCTR of a list with nothing but the candidate. */
export const rewardLabels =
  (scorer: Pick<RewardScorer, 'score'>, conversion: number): CandidateLabels =>
  async (rows) => {
    const lists = rows.flatMap(({ history, pool, places }) =>
      places.map((place) => ({
        history,
        items: Uint32Array.of(pool.items[place]),
        isAd: Uint8Array.of(pool.isAd[place]),
      })),
    )
    const rewards = await scorer.score(lists)
    let before = 0
    return rows.map(({ pool, places }) => {
      const own = rewards.slice(before, before + places.length)
      before += places.length
      return Float64Array.from(
        own,
        ({ pCtr, pCvr }, index) => (pool.value[places[index]] + conversion * (pCvr?.[0] ?? 0)) * pCtr[0],
      )
    })
  }

/** What was earned by what was shown; of the rest nothing is known. */
export const loggedLabels: CandidateLabels = async (rows) =>
  rows.map(({ pool, places }) =>
    Float64Array.from(places, (place) => (place < pool.shown ? pool.logged[place] : Number.NaN)),
  )
