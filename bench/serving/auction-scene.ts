import { availableParallelism } from 'node:os'
import { defaultSlots } from '../../crds/rank.ts'
import type { AuctionRequest } from '../../workers/auction/auction.ts'
import { openDataset } from '../../workers/data/dataset-reader.ts'
import { openMarket } from '../../workers/data/market/open-market.ts'
import { sequenceOf } from '../../workers/data/sequences.ts'
import { BeamDecoder } from '../../workers/decoding/decoder.ts'
import { type RankerShape, rankerLayout } from '../../workers/ranker/architecture.ts'
import type { EgaModel } from '../../workers/ranker/ega/ega-artifact.ts'
import { openEgaModel } from '../../workers/ranker/ega/ega-artifact.ts'
import { initialParameters } from '../../workers/tensor/parameters.ts'
import { Random } from '../../workers/tensor/random.ts'
import { contextIn } from '../recommendation/pipeline.ts'
import { publishRandomModel } from './random-model.ts'
import { type ServerProcess, startServer } from './server-process.ts'

export interface AuctionSize {
  readonly users: number
  readonly items: number
  readonly sponsoredPercent: number
}

/** Eligible ads and organic items of a request, length of the list and N_S. */
export const eligibleAds = 2000
export const organicItems = 50
export const slots = defaultSlots
export const candidateLists = 64

const width = { layers: 2, hiddenSize: 64, heads: 4, feedForwardSize: 256, historyLength: 20 }

export interface AuctionScene {
  readonly model: EgaModel
  readonly server: ServerProcess
  /** So many eligible ads; each index has its own user and its own bids. */
  request(index: number, ads?: number): AuctionRequest
  /** The same for /v1/rank. */
  body(index: number): string
  /** Plain beam search over the same catalogue, at the same width and beams. */
  readonly plain: BeamDecoder
  release(): Promise<void>
}

/** A server with a model of random weights, and the same model and a plain one in this process. */
export async function openAuctionScene(
  folder: string,
  { users, items, sponsoredPercent }: AuctionSize,
  progress: (line: string) => void,
): Promise<AuctionScene> {
  const threads = availableParallelism()
  const context = await contextIn(folder, progress)
  const made = await publishRandomModel(context, {
    dataset: {
      source: { simulation: { users, items, seed: 1 } },
      minInteractionsPerUser: 1,
      advertising: { simulation: { seed: 1, sponsoredPercent, adsPerRequest: 50, organicPerRequest: organicItems } },
    },
    tokenizer: {
      features: { text: { dimensions: 64 } },
      ...{ levels: 3, codebookSize: 128, collisions: 'Reassign', iterations: 5 },
      creatives: { levels: 2, codebookSize: 64 },
    },
    training: {
      model: {
        ...{ architecture: 'EGAV2', ...width },
        ega: { listLength: slots, historyTokens: 'Summed', candidateLists, constraints: { maxAds: 5 } },
      },
      stages: { pretrain: {}, reward: {}, allocation: {}, payment: {} },
    },
  })
  const dataset = await openDataset(await context.store.open(made.dataset))
  const market = await openMarket(await context.store.open(made.dataset))
  const model = await openEgaModel(await context.store.open(made.digest))
  if (market === undefined || market.ads.count < eligibleAds) throw new Error('The marketplace is too small')
  const { ads } = market
  const isAd = new Set(ads.item)
  const organic = Uint32Array.from(
    dataset.itemIds
      .keys()
      .filter((item) => !isAd.has(item))
      .take(organicItems),
  )
  const request = (index: number, count = eligibleAds): AuctionRequest => {
    const random = new Random(1, 'bids', index)
    return {
      history: sequenceOf(dataset, index % dataset.userCount),
      ads: ads.item.slice(0, count),
      bids: Float64Array.from(ads.bid.subarray(0, count), (bid) => bid * (0.5 + random.uniform())),
      advertisers: ads.advertiser.slice(0, count),
      organic,
      slots,
      constraints: { maxAds: 5, minGap: 0, maxPerAdvertiser: Number.POSITIVE_INFINITY },
    }
  }
  const body = (index: number): string => {
    const { bids } = request(index)
    return JSON.stringify({
      user: { id: dataset.userIds[index % dataset.userCount] },
      includeSeen: true,
      slots,
      candidates: {
        ads: Array.from(bids, (bid, ad) => ({ id: ads.ids[ad], bid })),
        organic: Array.from(organic, (item) => dataset.itemIds[item]),
      },
    })
  }
  const plain = await openPlain(model, threads)
  const server = await startServer(context.store.uri, made.digest, threads)
  const release = async () => {
    await server.stop()
    await plain.release()
  }
  return { model, server, request, body, plain, release }
}

function openPlain({ catalogue: { items } }: EgaModel, threads: number): Promise<BeamDecoder> {
  const shape: RankerShape = {
    ...width,
    codebookSizes: items.codebookSizes,
    featureDimensions: items.featureDimensions,
    itemEmbeddings: 0,
    contentDimensions: items.projection.dimensions,
  }
  const parameters = initialParameters(rankerLayout(shape), 1)
  return BeamDecoder.create(shape, items, parameters, { threads, maxBatch: 32, beamSize: candidateLists })
}
