// The log-quality of the candidates of page views: what step 3 says of those that the generator keeps.

import type { AuctionRequest } from '../../auction/auction.ts'
import { TopItems } from '../../evaluation/top-items.ts'
import type { StepTimes } from '../auction/auction-decoder.ts'
import type { RankedModel } from './ranked-model.ts'
import { generatorScore } from './step-two.ts'

/** Order of ads with equal scores. */
const tieSeed = 0

/** All of a request. */
const candidatesOf = ({ ads, organic }: AuctionRequest) => {
  const items = new Uint32Array(ads.length + organic.length)
  items.set(ads)
  items.set(organic, ads.length)
  return { items, isAd: new Uint8Array(items.length).fill(1, 0, ads.length) }
}

/**
 * f by candidate, ads before organic items. Step 3 ranks all organic items and at most `kept` ads, those with the highest
 * value scores of step 2; -Infinity for the others. Without step 2 there is no value score, and all are ranked; without
 * step 3 f is what the generator orders by.
 */
export async function logQualities(
  requests: readonly AuctionRequest[],
  model: RankedModel,
  kept: number,
  times: StepTimes,
): Promise<Float32Array[]> {
  const started = performance.now()
  const { ranking } = model.parts.shape
  const qualities: Float32Array[] = new Array(requests.length)
  const [direct, recalled] = partition(requests, ({ ads }) => !model.recalls(ads.length, kept))
  if (!ranking) {
    const scores = await generated(requests, model)
    for (const [place, score] of scores.entries()) qualities[place] = score
  } else {
    const tasks = direct.map((place) => ({
      history: model.historyOf(requests[place]),
      ...candidatesOf(requests[place]),
    }))
    const ranked = await model.ranker.rank(tasks)
    for (const [index, place] of direct.entries()) qualities[place] = ranked[index]
    const others = await rankRecalled(
      recalled.map((place) => requests[place]),
      model,
      kept,
    )
    for (const [index, place] of recalled.entries()) qualities[place] = others[index]
  }
  times.graph = (times.graph ?? 0) + performance.now() - started
  return qualities
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [first: number[], second: number[]] {
  const places = [...all.keys()]
  return [places.filter((place) => isFirst(all[place])), places.filter((place) => !isFirst(all[place]))]
}

async function generated(requests: readonly AuctionRequest[], model: RankedModel): Promise<Float32Array[]> {
  const users = await model.ranker.encode(requests.map((request) => model.historyOf(request)))
  const scores = await model.generatorScores(
    users,
    requests.map((request) => candidatesOf(request).items),
  )
  return scores.map(generatorScore)
}

async function rankRecalled(
  requests: readonly AuctionRequest[],
  model: RankedModel,
  kept: number,
): Promise<Float32Array[]> {
  const users = await model.ranker.encode(requests.map((request) => model.historyOf(request)))
  const scores = await model.generatorScores(
    users,
    requests.map(({ ads }) => ads),
  )
  const places = requests.map(({ ads, organic }, index) => {
    const best = new TopItems(kept, tieSeed)
    for (const [ad, score] of generatorScore(scores[index]).entries()) best.offer(ad, score)
    return Uint32Array.of(...best.ranked(), ...Array.from(organic, (_, rank) => ads.length + rank))
  })
  const ranked = await model.ranker.rankFor(
    requests.map((request, index) => {
      const { items, isAd } = candidatesOf(request)
      return {
        user: users[index],
        items: places[index].map((candidate) => items[candidate]),
        isAd: Uint8Array.from(places[index], (candidate) => isAd[candidate]),
      }
    }),
  )
  return requests.map(({ ads, organic }, index) => {
    const all = new Float32Array(ads.length + organic.length).fill(Number.NEGATIVE_INFINITY)
    for (const [at, candidate] of places[index].entries()) all[candidate] = ranked[index][at]
    return all
  })
}

/** Once there are sessions for what `logQualities` asks of requests of these sizes. */
export async function prepareQualities(
  requests: readonly AuctionRequest[],
  model: RankedModel,
  kept: number,
): Promise<void> {
  if (!model.parts.shape.ranking) return
  for (const { ads, organic } of requests) {
    const isRecalled = model.recalls(ads.length, kept)
    await model.ranker.prepare((isRecalled ? kept : ads.length) + organic.length, isRecalled)
  }
}
