import type { HistoryFacts } from './history-facts.ts'
import type { Recommender } from './recommender.ts'
import type { CandidateList, CandidateScorer } from './sampled/candidate-scorer.ts'

/** Item ids by index. */
export type ItemIds = readonly string[]

/** Index of each item of `from` in `to`; -1 where `to` has none of this id. */
function indicesIn(from: ItemIds, to: ItemIds): Int32Array {
  const known = new Map(to.map((id, index) => [id, index]))
  return Int32Array.from(from, (id) => known.get(id) ?? -1)
}

const translate = (items: Uint32Array, indices: Int32Array): Uint32Array =>
  Uint32Array.from([...items].map((item) => indices[item]).filter((index) => index >= 0))

/**
 * A recommender that speaks of items by the indices of another Dataset than its own, as one revision of the logs
 * measures a model that was trained on an earlier one. Items that its own Dataset does not have are left out of
 * histories and are never recommended.
 */
export function translateItems(recommender: Recommender, own: ItemIds, measured: ItemIds): Recommender {
  const inward = indicesIn(measured, own)
  const outward = indicesIn(own, measured)
  /** Asks for longer lists while items that only the model knows take up places. */
  const listsOf = async (asked: readonly Asked[], count: number, length: number): Promise<Uint32Array[]> => {
    const histories = asked.map(({ history }) => history)
    const lists = await recommender.recommend(histories, length, asked)
    const translated: Uint32Array[] = lists.map((list) => translate(list, outward).slice(0, count))
    const short = lists.flatMap((list, index) =>
      list.length === length && translated[index].length < count ? [index] : [],
    )
    if (short.length === 0) return translated
    const again = short.map((index) => asked[index])
    const longer = await listsOf(again, count, length * 2)
    short.forEach((index, place) => {
      translated[index] = longer[place]
    })
    return translated
  }
  return {
    name: recommender.name,
    recommend: (histories, count, facts) =>
      listsOf(
        histories.map((history, index) => translateHistory({ history, ...facts?.[index] }, inward)),
        count,
        count,
      ),
  }
}

/**
 * A scorer that speaks of items by the indices of another Dataset than its own. Items that its own Dataset does not have
 * are left out of histories, and as candidates they come last.
 */
export function translateScorer(scorer: CandidateScorer, own: ItemIds, measured: ItemIds): CandidateScorer {
  const inward = indicesIn(measured, own)
  const isKnown = (item: number): boolean => inward[item] >= 0
  return {
    score: async (lists) => {
      const scored = await scorer.score(lists.map((list) => translateList(list, inward)))
      return lists.map(({ candidates }, index) => {
        const spread = (scores: Float32Array): Float32Array => {
          let next = 0
          return Float32Array.from(candidates, (item) => (isKnown(item) ? scores[next++] : Number.NEGATIVE_INFINITY))
        }
        const { final, generator } = scored[index]
        return { final: spread(final), ...(generator && { generator: spread(generator) }) }
      })
    },
  }
}

interface Asked extends HistoryFacts {
  readonly history: Uint32Array
}

/** Creatives are left out: those of another Dataset are counted otherwise. */
function translateHistory({ history, historyTimes, time }: Asked, indices: Int32Array): Asked {
  const isRemembered = (_: number, place: number): boolean => indices[history[place]] >= 0
  return {
    history: translate(history, indices),
    ...(historyTimes && { historyTimes: historyTimes.filter(isRemembered) }),
    ...(time === undefined ? {} : { time }),
  }
}

function translateList({ candidates, bids, addBids, ...asked }: CandidateList, indices: Int32Array): CandidateList {
  const isCandidate = (_: number, place: number): boolean => indices[candidates[place]] >= 0
  return {
    ...translateHistory(asked, indices),
    candidates: translate(candidates, indices),
    ...(bids && { bids: bids.filter(isCandidate) }),
    ...(addBids && { addBids }),
  }
}
