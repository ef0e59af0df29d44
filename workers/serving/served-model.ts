// A model with all that answering a request needs, loaded and warm.

import type { AuctionSettingsSpec } from '../../crds/auction-settings.ts'
import type { ArtifactStore } from '../artifacts/store.ts'
import type { DecodedList, DecodeRequest } from '../decoding/decoder.ts'
import { openRecommender } from '../decoding/recommender.ts'
import type { ExecutionProvider } from '../tensor/execution-provider.ts'
import type { ServedAuction } from './auction/auction-model.ts'
import { loadAuctionModel } from './auction/load-auction-model.ts'
import { type FirstCodes, firstCodes } from './history-codes.ts'
import { openHistorySnapshot } from './history-snapshot.ts'

/** What answering needs of a model. */
export interface ServedModel {
  readonly digest: string
  /** Id by item index. */
  readonly itemIds: readonly string[]
  findItem(id: string): number | undefined
  readonly firstCodes: FirstCodes
  /** Items of a known user, oldest first; undefined for an unknown one. */
  historyOf(user: string): Uint32Array | undefined
  /** Of a model that answers with priced lists; the model is then asked by it alone. */
  readonly auction?: ServedAuction
  /** A list for each request, in their order. */
  decode(requests: readonly DecodeRequest[]): Promise<DecodedList[]>
  release(): Promise<void>
}

export interface LoadOptions {
  readonly store: Pick<ArtifactStore, 'open' | 'stat'>
  readonly threads: number
  readonly provider?: ExecutionProvider
  /** Longest list that will be asked for. */
  readonly beamSize: number
  readonly maxBatchSize: number
  /** What of the auction shapes the graph; absent: as the model was trained. */
  readonly auction?: Pick<AuctionSettingsSpec, 'candidateLists'>
}

/**
 * Opens a model with all that it needs, and lets it answer once.
 * @throws ArtifactNotFoundError, CorruptArtifactError, IncompleteModelError, NoMarketError
 */
export async function loadModel(digest: string, options: LoadOptions): Promise<ServedModel> {
  const known = await options.store.stat(digest)
  return known?.manifest.metadata.architecture === 'EGAV2'
    ? loadAuctionModel(digest, options)
    : loadRecommender(digest, options)
}

/** Opens model and history snapshot, both verified, and decodes once at each size of batch that is a power of two. */
async function loadRecommender(digest: string, options: LoadOptions): Promise<ServedModel> {
  const { store, threads, beamSize, maxBatchSize, provider = 'CPU' } = options
  const recommender = await openRecommender(digest, {
    store,
    threads,
    provider,
    beamSize,
    maxBatch: maxBatchSize,
    ownThread: true,
  })
  try {
    const { itemIds, catalogue } = recommender.model
    const histories = await openHistorySnapshot(await store.open(recommender.datasetDigest))
    const items = new Map(itemIds.map((id, index) => [id, index]))
    for (const size of warmUpSizes(maxBatchSize)) await recommender.decodeBatch(anonymousRequests(size))
    return {
      digest,
      itemIds,
      findItem: (id) => items.get(id),
      firstCodes: firstCodes(catalogue.codes, catalogue.codebookSizes),
      historyOf: (user) => histories.historyOf(user),
      decode: (requests) => recommender.decodeBatch(requests),
      release: () => recommender.release(),
    }
  } catch (error) {
    await recommender.release()
    throw error
  }
}

/** Powers of two, and the largest batch. */
function warmUpSizes(maxBatchSize: number): number[] {
  const sizes: number[] = []
  for (let size = 1; size < maxBatchSize; size *= 2) sizes.push(size)
  return [...sizes, maxBatchSize]
}

const anonymousRequests = (count: number): DecodeRequest[] =>
  Array.from({ length: count }, () => ({ history: new Uint32Array(0), count: 1 }))
