// A market in which what users take next follows from what they took last, and what is advertised pays by its bid.

import { advertised } from '../../../../workers/data/market/advertised.ts'
import { type Market, requestParts } from '../../../../workers/data/market/market.ts'
import type { CandidateLabels } from '../../../../workers/ranker/one-ranker/candidate-labels.ts'
import { candidatePool, popularityOf } from '../../../../workers/ranker/one-ranker/candidate-sets.ts'
import { usualValues, type ValueTerms } from '../../../../workers/ranker/one-ranker/item-values.ts'
import type { RankingData, RankingOptions } from '../../../../workers/ranker/one-ranker/ranking-stage.ts'
import { nextItemTargets, requestTargets } from '../../../../workers/ranker/one-ranker/target-samples.ts'
import type { TargetData } from '../../../../workers/ranker/one-ranker/training.ts'
import type { StagePorts } from '../../../../workers/ranker/stage-training.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { smallOneRanker } from './small-one-ranker.ts'

export const itemCount = 16
const adCount = 8
const eventsOfUser = 7
const eligible = 5
const organicShown = 4

const after = (item: number): number => (item * 5 + 3) % itemCount
/** What a user takes next is clicked often, anything else seldom. */
export const quality = (last: number | undefined, item: number): number =>
  last !== undefined && after(last) === item ? 0.8 : 0.05

export const terms: ValueTerms = { bidUnit: 1, organic: 0.1, conversion: 0 }

const dataset = (users: number) => {
  const random = new Random('small-market')
  const events = new Uint32Array(users * eventsOfUser)
  for (let user = 0; user < users; user++) {
    const first = user * eventsOfUser
    events[first] = random.below(itemCount)
    for (let at = 1; at < eventsOfUser; at++) events[first + at] = after(events[first + at - 1])
  }
  return {
    userCount: users,
    itemCount,
    events,
    offsets: Uint32Array.from({ length: users + 1 }, (_, user) => user * eventsOfUser),
    times: Float64Array.from(events, (_, event) => 1e12 + event * 1e7),
    trainEnd: new Uint32Array(users).fill(eventsOfUser - 2),
    validationEnd: new Uint32Array(users).fill(eventsOfUser - 1),
  }
}

const marketOf = ({ events, userCount: users }: ReturnType<typeof dataset>): Market => {
  const random = new Random('small-market', 'requests')
  const count = 2 * users
  const user = Uint32Array.from({ length: count }, (_, request) => request % users)
  const historyEnd = Uint32Array.from(user, (_, request) => (request < users ? 1 + random.below(4) : eventsOfUser - 2))
  const offsets = (each: number) => Uint32Array.from({ length: count + 1 }, (_, request) => request * each)
  const ad = new Uint32Array(count * eligible)
  const bid = new Float64Array(count * eligible)
  const organic = new Uint32Array(count * organicShown)
  const exposed = new Uint32Array(count * 2)
  const click = new Uint8Array(count * 2)
  for (let request = 0; request < count; request++) {
    const last = events[user[request] * eventsOfUser + historyEnd[request] - 1]
    const ads = random.permutation(adCount).slice(0, eligible)
    // What is taken next is there more often than not.
    if (after(last) < adCount && !ads.includes(after(last))) ads[0] = after(last)
    ad.set(ads, request * eligible)
    for (let place = 0; place < eligible; place++) bid[request * eligible + place] = Math.exp(0.3 * random.normal())
    organic.set(
      random
        .permutation(itemCount - adCount)
        .slice(0, organicShown)
        .map((each) => adCount + each),
      request * organicShown,
    )
    exposed.set([ads[0], organic[request * organicShown]], request * 2)
    for (let slot = 0; slot < 2; slot++)
      click[request * 2 + slot] = random.uniform() < quality(last, exposed[request * 2 + slot]) ? 1 : 0
  }
  return {
    advertisers: { count: 1, ids: ['a'], budget: Float64Array.of(1) },
    ads: {
      count: adCount,
      ids: Array.from({ length: adCount }, (_, each) => `ad ${each}`),
      item: Uint32Array.from({ length: adCount }, (_, each) => each),
      advertiser: new Uint32Array(adCount),
      bid: new Float64Array(adCount).fill(1),
      value: new Float64Array(adCount).fill(1),
    },
    requests: {
      count,
      ids: Array.from({ length: count }, (_, request) => `request ${request}`),
      user,
      historyEnd,
      part: Uint8Array.from(user, (_, request) => (request < users ? requestParts.train : requestParts.validation)),
      ads: { offsets: offsets(eligible), ad, bid },
      organic: { offsets: offsets(organicShown), item: organic },
      exposed: {
        offsets: offsets(2),
        item: exposed,
        ad: Int32Array.from(exposed, (item) => (item < adCount ? item : -1)),
        creative: new Int32Array(count * 2).fill(-1),
        click,
      },
    },
  }
}

/** eCPM as it is. */
export const trueLabels: CandidateLabels = async (rows) =>
  rows.map(({ history, pool, places }) =>
    Float64Array.from(places, (place) => pool.value[place] * quality(history.at(-1), pool.items[place])),
  )

/** @param length targets of a row */
export function smallData(length: number, users = 30): { targets: TargetData; ranking: RankingData } {
  const data = dataset(users)
  const market = marketOf(data)
  const values = usualValues(market, itemCount, terms)
  const shared = { dataset: data, isAd: advertised(market, itemCount), catalogue: smallCatalogue(itemCount) }
  const next = (part: 'train' | 'validation', random?: Random) =>
    nextItemTargets(data, { part, length, stride: 2, values, ...(random === undefined ? {} : { random }) })
  const requests = (part: 'train' | 'validation') =>
    requestTargets(data, market, { part, length, clickedWeight: 1, values, andNext: true, withoutTargets: true })
  const train = requests('train')
  return {
    targets: {
      ...shared,
      train: (epoch) => next('train', new Random('positions', epoch)),
      validation: next('validation'),
    },
    ranking: {
      ...shared,
      train: () => train,
      validation: requests('validation'),
      pool: (request) => candidatePool(market, terms, request),
      mostAds: eligible,
      popularity: popularityOf(data, itemCount),
      labels: trueLabels,
    },
  }
}

export const optionsOf = (changes: Partial<RankingOptions> = {}): RankingOptions => ({
  shape: smallOneRanker(itemCount, { layers: 1, interestTokens: 2, refinementLayers: 1 }),
  regularization: { dropout: 0.1, labelSmoothing: 0 },
  semanticIdWeight: 0.5,
  sampledItems: 0,
  schedule: { kind: 'constant', peak: 0.01, warmupSteps: 2 },
  weightDecay: 0.01,
  clipNorm: 1,
  batchSize: 8,
  epochs: 3,
  patience: 0,
  seed: 3,
  threads: 1,
  candidates: 6,
  multiTokenWeight: 1,
  rankWeight: 1,
  consistencyWeight: 0.5,
  consistencyWarmupSteps: 6,
  temperature: 1,
  ownCandidates: 2,
  ...changes,
})

export const silent: StagePorts = {
  stepped: async () => undefined,
  settled: async () => undefined,
  epochEnded: () => undefined,
}
