// A trained model as a source of lists: the one way in for evaluation and serving alike.

import type { ArtifactStore } from '../artifacts/store.ts'
import type { CandidateScorer } from '../evaluation/sampled/candidate-scorer.ts'
import { openModel, type RankerModel } from '../ranker/model-artifact.ts'
import type { ExecutionProvider } from '../tensor/execution-provider.ts'
import { scoreByDecoder } from './candidate-scores.ts'
import { BeamDecoder, type DecodedList, type DecodeRequest } from './decoder.ts'

export const defaultBeamSize = 50
const defaultBatch = 64

export interface ModelRecommender extends CandidateScorer {
  /** Of the model's own artifact. */
  readonly name: string
  /** Whose item indices the recommender speaks. */
  readonly datasetDigest: string
  readonly model: RankerModel
  /** For each history the `count` likeliest items that are not in it, best first; fewer only when fewer are left. */
  recommend(histories: readonly Uint32Array[], count: number): Promise<Uint32Array[]>
  decodeBatch(requests: readonly DecodeRequest[]): Promise<DecodedList[]>
  release(): Promise<void>
}

export interface RecommenderOptions {
  readonly store: Pick<ArtifactStore, 'open'>
  readonly threads: number
  /** Beams kept at least; lists that are longer raise it. Default 50. */
  readonly beamSize?: number
  /** Length of the lists that will be asked for, so that one width of beam serves all. */
  readonly cutoff?: number
  /** Requests of one run at most. */
  readonly maxBatch?: number
  /** Whether decoding runs in a thread of its own, for callers whose event loop must go on. */
  readonly ownThread?: boolean
  /** Where decoding runs; CPU where absent. */
  readonly provider?: ExecutionProvider
}

/** Opens a model by its digest, with the session of its usual beam loaded. */
export const openRecommender = async (digest: string, options: RecommenderOptions): Promise<ModelRecommender> => {
  const { store, threads, beamSize = defaultBeamSize, cutoff = 1, maxBatch = defaultBatch, ownThread = false } = options
  const { provider = 'CPU' } = options
  const model = await openModel(await store.open(digest))
  const widths = { threads, maxBatch, ownThread, provider, beamSize: Math.max(beamSize, cutoff) }
  const decoder = await BeamDecoder.create(model.shape, model.catalogue, model.parameters, widths)
  return {
    name: digest,
    datasetDigest: model.datasetDigest,
    model,
    recommend: async (histories, count) => {
      const requests = histories.map((history) => ({ history, count, excluded: history }))
      return (await decoder.decode(requests)).map(({ items }) => items)
    },
    score: (lists) => scoreByDecoder(decoder, lists),
    decodeBatch: (requests) => decoder.decode(requests),
    release: () => decoder.release(),
  }
}
