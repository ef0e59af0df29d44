import type { ArtifactStore } from '../artifacts/store.ts'
import { openDataset } from '../data/dataset-reader.ts'
import { type ModelRecommender, openRecommender } from '../decoding/recommender.ts'
import type { KnownIds } from './ranking.ts'

export interface ModelOptions {
  store: Pick<ArtifactStore, 'open'>
  digest: string
  beamSize: number
  maxBatchSize: number
  threads: number
}

export interface LoadedModel {
  recommender: ModelRecommender
  known: KnownIds
}

/** Loads a model with the histories of its Dataset revision, and decodes once for each size of batch to warm up. */
export async function loadModel(options: ModelOptions): Promise<LoadedModel> {
  const { store, digest, beamSize, maxBatchSize, threads } = options
  const recommender = await openRecommender(digest, {
    store,
    threads,
    beamSize,
    maxBatch: maxBatchSize,
    ownThread: true,
  })
  const dataset = await openDataset(await store.open(recommender.datasetDigest))
  for (let size = 1; size <= maxBatchSize; size *= 2) {
    const request = { history: new Uint32Array(), count: 1 }
    await recommender.decodeBatch(Array.from({ length: size }, () => request))
  }
  return {
    recommender,
    known: {
      itemIds: recommender.model.itemIds,
      findItem: (id) => dataset.findItem(id),
      historyOf(userId) {
        const user = dataset.findUser(userId)
        return user === undefined
          ? undefined
          : dataset.events.subarray(dataset.offsets[user], dataset.offsets[user + 1])
      },
    },
  }
}
