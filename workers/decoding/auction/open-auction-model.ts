// A model with an auction by its digest, whatever its architecture: the one way in for evaluation and serving alike.

import type { Artifact, ArtifactStore } from '../../artifacts/store.ts'
import type { RewardScorer } from '../../auction/reward-model/scorer.ts'
import type { TrainedRecommender } from '../../evaluation/recommender.ts'
import { openEgaModel } from '../../ranker/ega/ega-artifact.ts'
import { NotAModelError } from '../../ranker/model-artifact.ts'
import { openOneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import { openEgaRecommender } from '../ega-recommender.ts'
import { openOneRankerRecommender } from '../one-ranker/one-ranker-recommender.ts'
import { type OpenOneRankerOptions, openOneRanker } from '../one-ranker/open-one-ranker.ts'
import { type OpenEgaOptions, openEga, openScorer } from './open-ega.ts'
import type { OpenedAuctionModel } from './opened-model.ts'

const architectures = ['EGAV2', 'OneRanker'] as const
type AuctionArchitecture = (typeof architectures)[number]

type Described = Pick<Artifact, 'manifest'>

/** Undefined where a model of this manifest has no auction. */
const architectureOf = ({ manifest: { metadata } }: Described): AuctionArchitecture | undefined =>
  architectures.find((architecture) => architecture === metadata.architecture)

export const hasAuction = (artifact: Described): boolean => architectureOf(artifact) !== undefined

/** Of any architecture; each heeds what it knows. */
export type OpenAuctionOptions = OpenEgaOptions & Pick<OpenOneRankerOptions, 'userBytes'>

const noAuctionIn = (digest: string) => new NotAModelError(digest, 'model without an auction')

/** @throws NotAModelError, IncompleteModelError, and what the store throws */
export async function openAuctionModel(digest: string, options: OpenAuctionOptions): Promise<OpenedAuctionModel> {
  const architecture = architectureOf(await options.store.open(digest))
  if (architecture === undefined) throw noAuctionIn(digest)
  if (architecture === 'EGAV2') return openEga(digest, options)
  const { objective } = options.auction ?? {}
  return openOneRanker(digest, { ...options, auction: objective === undefined ? {} : { objective } })
}

/** The generator of a model with an auction, which lists items of the whole catalogue, bids aside. */
export async function openAuctionRecommender(artifact: Artifact, threads: number): Promise<TrainedRecommender> {
  const architecture = architectureOf(artifact)
  if (architecture === undefined) throw noAuctionIn(artifact.digest)
  return architecture === 'EGAV2' ? openEgaRecommender(artifact, threads) : openOneRankerRecommender(artifact, threads)
}

/** The reward model of a model, which only judges. */
export interface OpenedJudge {
  readonly scorer: RewardScorer
  /** Longest list (K). */
  readonly slots: number
}

/** @throws NotAModelError, IncompleteModelError, and what the store throws */
export async function openJudge(
  digest: string,
  { store, threads }: { readonly store: Pick<ArtifactStore, 'open'>; readonly threads: number },
): Promise<OpenedJudge> {
  const artifact = await store.open(digest)
  const architecture = architectureOf(artifact)
  if (architecture === undefined) throw noAuctionIn(digest)
  const model = architecture === 'EGAV2' ? await openEgaModel(artifact) : await openOneRankerModel(artifact)
  const scorer = await openScorer(model, threads)
  return { scorer, slots: scorer.slots }
}
