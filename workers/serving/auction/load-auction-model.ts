// A model with an auction and its marketplace, loaded and warm.

import { defaultSlots } from '../../../crds/rank.ts'
import { payments } from '../../auction/payments/payments.ts'
import { worthWithout } from '../../auction/payments/worth-without.ts'
import { creativesOfEvents } from '../../data/market/event-creatives.ts'
import type { Market } from '../../data/market/market.ts'
import { openMarket } from '../../data/market/open-market.ts'
import { openAuctionModel } from '../../decoding/auction/open-auction-model.ts'
import type { OpenedAuctionModel } from '../../decoding/auction/opened-model.ts'
import { firstCodes } from '../history-codes.ts'
import { openHistorySnapshot } from '../history-snapshot.ts'
import type { LoadOptions, ServedModel } from '../served-model.ts'
import { openBudgetPacer } from './budget-pacer.ts'
import { popularItems } from './popular-items.ts'
import { trainedAuctionModel, usualRequest } from './trained-model.ts'

/** Sizes of requests that are ready at once; each session holds the weights for itself. */
const sessionsKept = 4
/** Bytes of what is kept of users while their histories stay. */
const keptOfUsers = 128 * 2 ** 20
/** Organic items of a request that names none, where the Dataset's requests tell no usual number; by slot. */
const organicPerSlot = 5

/** The Dataset of a model has no ads. */
export class NoMarketError extends Error {
  readonly retryable = false

  constructor(digest: string, dataset: string) {
    super(
      `Model ${digest} has an auction, but its Dataset revision ${dataset} has no ads: give the Dataset spec.advertising and train again`,
    )
    this.name = 'NoMarketError'
  }
}

/** What bounds a search for lists goes with a model that searches for them. */
export class NoListSearchError extends Error {
  readonly retryable = false

  constructor(digest: string) {
    super(
      `Model ${digest} ranks candidates one by one: leave spec.serving.auction.candidateLists out, which is of models that search lists`,
    )
    this.name = 'NoListSearchError'
  }
}

/**
 * Opens model, marketplace and histories, all verified, and allocates once a request of the usual size.
 * @throws IncompleteModelError where it lacks what allocates or its reward model, NoMarketError, NoListSearchError, and what the store
 * throws
 */
export async function loadAuctionModel(digest: string, options: LoadOptions): Promise<ServedModel> {
  const { store, threads, provider = 'CPU', maxBatchSize, auction: asked } = options
  const { candidateLists } = asked ?? {}
  const opened = await openAuctionModel(digest, {
    ...{ store, threads, provider, maxBatch: maxBatchSize, ownThread: true },
    sessions: { most: sessionsKept, standIns: true },
    userBytes: keptOfUsers,
    ...(candidateLists === undefined ? {} : { auction: { candidateLists } }),
  })
  try {
    if (candidateLists !== undefined && opened.candidateLists === undefined) throw new NoListSearchError(digest)
    return await servedModel(digest, opened, options)
  } catch (error) {
    await opened.release()
    throw error
  }
}

async function servedModel(digest: string, opened: OpenedAuctionModel, { store }: LoadOptions): Promise<ServedModel> {
  const { datasetDigest, slots, things } = opened
  const { itemIds, catalogue } = things
  const dataset = await store.open(datasetDigest)
  const market = await openMarket(dataset)
  if (market === undefined) throw new NoMarketError(digest, datasetDigest)
  const histories = await openHistorySnapshot(dataset)
  const creatives = creativesOfEvents(histories, market, 'Every')
  const items = new Map(itemIds.map((id, index) => [id, index]))
  const usual = organicCount(market) ?? organicPerSlot * slots
  const model = trainedAuctionModel(opened, market, popularItems(histories.events, market.ads.item, usual))
  const { defaults } = model
  const { alpha, beta, lambdaConversion, lambdaOrganic } = defaults
  const first = usualRequest(model, Math.min(defaultSlots, model.limits.slots))
  await model.allocate([first], { alpha, beta, lambdaConversion, lambdaOrganic })
  return {
    digest,
    itemIds,
    findItem: (id) => items.get(id),
    firstCodes: firstCodes(catalogue.items.codes, catalogue.items.codebookSizes),
    historyOf: (user) => histories.historyOf(user),
    ...(creatives && {
      creativesOf: (user) => {
        const range = histories.rangeOf(user)
        return range && creatives.subarray(...range)
      },
    }),
    times: { ...(histories.timesOf && { of: histories.timesOf }), now: Date.now },
    auction: { model, price: payments, worthWithout, pacer: openBudgetPacer(market.advertisers.count, Date.now) },
    decode: () => Promise.reject(new Error('A model with an auction is asked by its auction')),
    release: () => opened.release(),
  }
}

/** Organic items of a logged request on average; undefined where the log has none. */
function organicCount({ requests }: Market): number | undefined {
  const { organic, count } = requests ?? { count: 0 }
  return organic === undefined || organic.item.length === 0 ? undefined : Math.round(organic.item.length / count)
}
