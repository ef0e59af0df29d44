// OneRanker as a source of lists for full ranking, and as a judge of given candidates.

import type { Artifact } from '../../artifacts/store.ts'
import { logValue } from '../../auction/ranked-lists.ts'
import type { TrainedRecommender } from '../../evaluation/recommender.ts'
import type { CandidateList, CandidateScorer, CandidateScores } from '../../evaluation/sampled/candidate-scorer.ts'
import { TopItems } from '../../evaluation/top-items.ts'
import { type OneRankerModel, openOneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import { RankedModel, type Viewer } from './ranked-model.ts'
import { type GeneratorScores, generatorScore } from './step-two.ts'
import type { EncodedUser } from './user-cache.ts'

const maxBatch = 64
/** Order of equal scores. */
const tieSeed = 0

/** What each step says of candidates, bids aside. */
export interface StepScores extends GeneratorScores {
  /** f of step 3; absent without it. */
  readonly ranker?: Float32Array
}

export interface OneRankerRecommender extends Omit<TrainedRecommender, 'score'>, CandidateScorer {
  scoreCandidates(lists: readonly CandidateList[]): Promise<StepScores[]>
}

/** @throws NotAModelError, IncompleteModelError */
export async function openOneRankerRecommender(artifact: Artifact, threads: number): Promise<OneRankerRecommender> {
  return oneRankerRecommender(await openOneRankerModel(artifact), threads)
}

export async function oneRankerRecommender(model: OneRankerModel, threads: number): Promise<OneRankerRecommender> {
  const ranked = await RankedModel.create(model, { threads, maxBatch })
  const scoreCandidates = (lists: readonly CandidateList[]) => scoresOf(lists, ranked)
  return {
    name: model.digest,
    datasetDigest: model.datasetDigest,
    itemIds: model.itemIds,
    scoreCandidates,
    addsBids: true,
    score: async (lists) => {
      const scores = await scoreCandidates(lists)
      return lists.map((list, index) => orderOf(list, scores[index], model))
    },
    recommend: async (histories, count, facts) => {
      const found: Uint32Array[] = []
      for (let from = 0; from < histories.length; from += maxBatch) {
        const viewers = histories
          .slice(from, from + maxBatch)
          .map((history, row) => ({ history, ...facts?.[from + row] }))
        found.push(...(await recommend(viewers, ranked, { count, candidates: model.auction.candidates })))
      }
      return found
    },
    release: () => ranked.release(),
  }
}

async function scoresOf(lists: readonly CandidateList[], model: RankedModel): Promise<StepScores[]> {
  const users = await model.ranker.encode(lists.map((list) => model.historyOf(list)))
  const generated = await model.generatorScores(
    users,
    lists.map(({ candidates }) => candidates),
  )
  if (!model.parts.shape.ranking) return generated
  const ranked = await model.ranker.rankFor(
    lists.map((list, index) => ({ user: users[index], items: list.candidates, isAd: adsAmong(list, model) })),
  )
  return generated.map((scores, index) => ({ ...scores, ranker: ranked[index] }))
}

/** As the list tells by its bids, or the Dataset. */
const adsAmong = ({ candidates, bids }: CandidateList, model: RankedModel): Uint8Array =>
  bids === undefined ? model.areAds(candidates) : Uint8Array.from(bids, (bid) => Number(!Number.isNaN(bid)))

/**
 * Step 3 orders by quality and, where bids are known, by value. The generator orders by its own scores; by value as well,
 * as auctions without a step 3 do, where the list asks for it.
 */
function orderOf(
  { bids, addBids = false }: CandidateList,
  scores: StepScores,
  { auction: { bidUnit, objective } }: Pick<OneRankerModel, 'auction'>,
): CandidateScores {
  const generator = generatorScore(scores)
  const { ranker } = scores
  const steps = ranker === undefined ? {} : { generator }
  const quality = ranker ?? generator
  if (bids === undefined || (ranker === undefined && !addBids)) return { final: quality, ...steps }
  const scale = { bidUnit, organic: objective.organic }
  const worthOf = (bid: number) => logValue(Number.isNaN(bid) ? undefined : bid, scale)
  return { final: quality.map((score, candidate) => score + worthOf(bids[candidate])), ...steps }
}

interface Asked {
  /** Length of the lists. */
  readonly count: number
  /** That step 3 ranks. */
  readonly candidates: number
}

/** The best of each head in turn, ordered by step 3 where there is one. */
async function recommend(viewers: readonly Viewer[], model: RankedModel, asked: Asked): Promise<Uint32Array[]> {
  const users = await model.ranker.encode(viewers.map((viewer) => model.historyOf(viewer)))
  const size = Math.max(asked.count, asked.candidates)
  const found: Uint32Array[] = []
  for await (const heads of (await model.catalogueScores()).scores(users))
    found.push(merged(bestOfHeads(heads, viewers[found.length].history, size), size))
  const ordered = model.parts.shape.ranking ? await orderedByRanker(users, found, model) : found
  return ordered.map((list) => list.subarray(0, asked.count))
}

const bestOfHeads = (heads: readonly Float32Array[], history: Uint32Array, size: number): Uint32Array[] => {
  const taken = new Set(history)
  return heads.map((scores) => {
    const top = new TopItems(size, tieSeed)
    for (let item = 0; item < scores.length; item++) if (!taken.has(item)) top.offer(item, scores[item])
    return top.ranked()
  })
}

/** Round-robin: the first of each list, then the second of each, repeats left out. */
export function merged(lists: readonly Uint32Array[], size: number): Uint32Array {
  const items = new Set<number>()
  const longest = lists.reduce((most, { length }) => Math.max(most, length), 0)
  for (let place = 0; place < longest; place++)
    for (const list of lists) {
      if (items.size === size) return Uint32Array.from(items)
      if (place < list.length) items.add(list[place])
    }
  return Uint32Array.from(items)
}

async function orderedByRanker(
  users: readonly EncodedUser[],
  lists: readonly Uint32Array[],
  model: RankedModel,
): Promise<Uint32Array[]> {
  const scores = await model.ranker.rankFor(
    lists.map((items, index) => ({ user: users[index], items, isAd: model.areAds(items) })),
  )
  return lists.map((items, index) => {
    const order = [...items.keys()].sort((one, other) => scores[index][other] - scores[index][one] || one - other)
    return Uint32Array.from(order, (place) => items[place])
  })
}
