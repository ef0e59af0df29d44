// How long one request takes from history and bids to list and prices, alone in the process.

import { availableParallelism } from 'node:os'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { ArtifactStore } from '../../workers/artifacts/store.ts'
import { openDataset } from '../../workers/data/dataset-reader.ts'
import { openMarket } from '../../workers/data/market/open-market.ts'
import { sampleRequests } from '../../workers/evaluation/market/requests.ts'
import { auctionMarketPorts } from '../../workers/processors/evaluation-auction.ts'

export interface LatencyPlan {
  readonly requests: number
  /** Requests before the first that counts. */
  readonly warmUp: number
}

interface Asked {
  readonly store: ArtifactStore
  readonly dataset: string
  readonly model: string
}

/** Milliseconds of each request; each is of another page view, so that nothing is known of it. */
export async function requestLatencies(
  { market: settings, seed, split }: Evaluation['spec'],
  { store, dataset: datasetDigest, model }: Asked,
  { requests: count, warmUp }: LatencyPlan,
): Promise<number[]> {
  if (settings === undefined) throw new Error('Nothing is allocated without spec.market')
  const source = await store.open(datasetDigest)
  const dataset = await openDataset(source)
  const market = await openMarket(source)
  if (market === undefined) throw new Error(`Dataset ${datasetDigest} has no market`)
  const { constraints, paymentRule, candidateLists } = settings
  const marketplace = await auctionMarketPorts.openMarketplace(model, {
    ...{ store, threads: availableParallelism(), dataset, market, candidateLists, paymentRule },
    ...{ alpha: undefined, beta: undefined, search: { starts: 0, seed } },
  })
  try {
    const { requests } = sampleRequests(dataset, market, {
      part: split === 'Validation' ? 'validation' : 'test',
      count: count + warmUp,
      seed,
      slots: settings.slots ?? marketplace.slots,
      constraints: { maxAds: Number.POSITIVE_INFINITY, maxPerAdvertiser: Number.POSITIVE_INFINITY, ...constraints },
      bids: 'Truthful',
    })
    const milliseconds: number[] = []
    for (const { auction } of requests) {
      const started = performance.now()
      const [allocation] = await marketplace.allocator.allocate([auction])
      await marketplace.payments([{ request: auction, allocation }])
      milliseconds.push(performance.now() - started)
    }
    return milliseconds.slice(warmUp)
  } finally {
    await marketplace.release()
  }
}
