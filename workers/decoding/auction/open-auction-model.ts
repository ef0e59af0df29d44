// A model with an auction by its digest, whatever its architecture: the one way in for evaluation and serving alike.

import type { Artifact, ArtifactStore } from '../../artifacts/store.ts'
import type { RewardScorer } from '../../auction/reward-model/scorer.ts'
import { openEgaModel } from '../../ranker/ega/ega-artifact.ts'
import { NotAModelError } from '../../ranker/model-artifact.ts'
import { type OpenEgaOptions, openEga, openScorer } from './open-ega.ts'
import type { OpenedAuctionModel } from './opened-model.ts'

const architectures = ['EGAV2', 'OneRanker'] as const
type AuctionArchitecture = (typeof architectures)[number]

type Described = Pick<Artifact, 'manifest'>

/** Undefined where a model of this manifest has no auction. */
const architectureOf = ({ manifest: { metadata } }: Described): AuctionArchitecture | undefined =>
  architectures.find((architecture) => architecture === metadata.architecture)

export const hasAuction = (artifact: Described): boolean => architectureOf(artifact) !== undefined

/** @throws NotAModelError, IncompleteModelError, and what the store throws */
export async function openAuctionModel(digest: string, options: OpenEgaOptions): Promise<OpenedAuctionModel> {
  const artifact = await options.store.open(digest)
  const architecture = architectureOf(artifact)
  if (architecture === 'EGAV2') return openEga(digest, options)
  throw new NotAModelError(digest, 'model without an auction')
}

/** The reward model of a model, which only judges, with the Dataset revision whose items it speaks of. */
export interface OpenedJudge {
  readonly datasetDigest: string
  readonly scorer: RewardScorer
}

/** @throws NotAModelError, IncompleteModelError, and what the store throws */
export async function openJudge(
  digest: string,
  { store, threads }: { readonly store: Pick<ArtifactStore, 'open'>; readonly threads: number },
): Promise<OpenedJudge> {
  const artifact = await store.open(digest)
  const model = await openEgaModel(artifact)
  return { datasetDigest: model.datasetDigest, scorer: await openScorer(model, threads) }
}
