import { hasAuction } from '../decoding/auction/open-auction-model.ts'
import type { DecodeRequest } from '../decoding/decoder.ts'
import { openRecommender } from '../decoding/recommender.ts'
import { loadAuctionModel } from './auction/load-auction-model.ts'
import { firstCodes } from './history-codes.ts'
import { openHistorySnapshot } from './history-snapshot.ts'
import type { LoadOptions, ServedModel } from './served-model.ts'

/**
 * Opens a model with all that it needs, and lets it answer once.
 * @throws ArtifactNotFoundError, CorruptArtifactError, IncompleteModelError, NoMarketError
 */
export async function loadModel(digest: string, options: LoadOptions): Promise<ServedModel> {
  const known = await options.store.stat(digest)
  return known !== undefined && hasAuction(known) ? loadAuctionModel(digest, options) : loadRecommender(digest, options)
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
