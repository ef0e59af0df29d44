// OneRanker behind a server, and beside it a cascade: a server with steps 1 and 2 alone, which scores the candidates, and
// one with steps 1 and 3, which ranks them. Each of the two encodes the user for itself.

import { availableParallelism } from 'node:os'
import { openDataset } from '../../workers/data/dataset-reader.ts'
import { openMarket } from '../../workers/data/market/open-market.ts'
import type { ProcessorContext } from '../../workers/processors/context.ts'
import { Random } from '../../workers/tensor/random.ts'
import { publishModelOf, publishRandomData, type RandomData } from './random-model.ts'
import { type ServerProcess, startServer } from './server-process.ts'

/** Known: a few users come again and again. New: no history was ever seen before. */
export type Users = 'known' | 'new'

export interface Question {
  /** Each index has bids of its own, and of new users a history of its own. */
  readonly index: number
  readonly candidates: number
  readonly users: Users
}

export interface OneRankerScene {
  readonly one: ServerProcess
  /** Asked one after the other. */
  readonly cascade: readonly ServerProcess[]
  /** For /v1/rank. */
  body(question: Question): string
  release(): Promise<void>
}

const width = { layers: 2, hiddenSize: 64, heads: 4, feedForwardSize: 256 }
const slots = 10
const knownUsers = 16

/** What of OneRanker a server has. */
const whole = { model: {}, stages: { ranking: {} } }
const retrieval = { model: { ranking: false }, stages: {} }
const ranking = { model: { refinement: false }, stages: { ranking: { consistencyWeight: '0' } } }

/** A marketplace of so many items, for any length of history. */
export const publishMarketplace = (context: ProcessorContext, items: number): Promise<RandomData> =>
  publishRandomData(context, {
    dataset: {
      source: { simulation: { users: 500, items, seed: 1 } },
      minInteractionsPerUser: 1,
      advertising: { simulation: { seed: 1, sponsoredPercent: 30, adsPerRequest: 50, organicPerRequest: 50 } },
    },
    tokenizer: {
      features: { text: { dimensions: 64 } },
      levels: 3,
      codebookSize: 128,
      collisions: 'Reassign',
      iterations: 5,
    },
  })

export interface OneRankerSize {
  /** Behaviours that the model reads. */
  readonly historyLength: number
  /** Of the largest request: step 3 ranks them all. */
  readonly mostCandidates: number
}

export async function openOneRankerScene(
  context: ProcessorContext,
  data: RandomData,
  { historyLength, mostCandidates }: OneRankerSize,
): Promise<OneRankerScene> {
  const start = async ({ model, stages }: { readonly model: object; readonly stages: object }) => {
    const digest = await publishModelOf(context, data, {
      model: {
        ...{ architecture: 'OneRanker', ...width, historyLength },
        oneRanker: { listLength: slots, candidates: mostCandidates, constraints: { maxAds: 5 }, ...model },
      },
      stages: { pretrain: {}, reward: {}, ...stages },
    })
    return startServer(context.store.uri, digest, availableParallelism(), { requestTimeoutMilliseconds: 60_000 })
  }
  const body = await bodiesOf(context, data, { historyLength, mostCandidates })
  const started: ServerProcess[] = []
  const release = async () => {
    for (const server of started) await server.stop()
  }
  try {
    for (const part of [whole, retrieval, ranking]) started.push(await start(part))
  } catch (error) {
    await release()
    throw error
  }
  const [one, ...cascade] = started
  return { one, cascade, body, release }
}

/** Half of the candidates are ads, each with a bid of its own. */
async function bodiesOf(
  { store }: ProcessorContext,
  data: RandomData,
  { historyLength, mostCandidates }: OneRankerSize,
): Promise<OneRankerScene['body']> {
  const { itemIds } = await openDataset(await store.open(data.dataset))
  const market = await openMarket(await store.open(data.dataset))
  const most = Math.ceil(mostCandidates / 2)
  if (market === undefined || market.ads.count < most) throw new Error('The marketplace is too small')
  const { ads } = market
  const sponsored = new Set(ads.item)
  const organic = itemIds.filter((_, item) => !sponsored.has(item)).slice(0, most)
  return ({ index, candidates, users }) => {
    const user = users === 'known' ? index % knownUsers : index
    // Of each size of request its own users: those of another would be known.
    const history = new Random(1, users, candidates, user)
    const bids = new Random(1, 'bids', index)
    const half = candidates / 2
    return JSON.stringify({
      user: { history: Array.from({ length: historyLength }, () => itemIds[history.below(itemIds.length)]) },
      includeSeen: true,
      slots,
      candidates: {
        ads: Array.from({ length: half }, (_, ad) => ({ id: ads.ids[ad], bid: ads.bid[ad] * (0.5 + bids.uniform()) })),
        organic: organic.slice(0, half),
      },
    })
  }
}
