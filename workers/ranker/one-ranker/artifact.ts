// The artifact of a TrainingRun of OneRanker: the weights of its networks, and all that ranking needs besides. Histories
// and bids are read from the Dataset artifact that it names.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../../artifacts/store.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { Fold } from '../../auction/reward-model/fold.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import {
  type AuctionTerms,
  type KnownThings,
  readThings,
  readWeights,
  type StageRecord,
  type ThingSizes,
  writeThings,
  writeWeights,
} from '../auction-model.ts'
import { modelKind, NotAModelError } from '../model-artifact.ts'
import type { OneRankerShape } from './shape.ts'

/** How a model ranks and prices unless it is told otherwise. */
export interface OneRankerAuction extends AuctionTerms {
  /** Candidates that step 3 orders (n). */
  readonly candidates: number
  /** Where candidates of the whole catalogue come from. */
  readonly candidateRoute: 'InnerProduct' | 'SemanticIds'
}

export interface OneRankerDescription {
  readonly schemaVersion: 1
  readonly architecture: 'OneRanker'
  readonly shapes: {
    readonly ranker: OneRankerShape | null
    readonly reward: RewardShape | null
    readonly payment: PaymentShape | null
  }
  /** Longest list (K). */
  readonly listLength: number
  /** Users that the reward model learned from. */
  readonly fold: Fold | null
  readonly auction: OneRankerAuction
  readonly itemCount: number
  readonly creativeCount: number
  readonly datasetDigest: string
  readonly tokenizerDigest: string
  readonly vocabulary: string | null
  readonly stages: readonly StageRecord[]
}

export interface OneRankerWeights {
  readonly ranker: Float32Array | undefined
  readonly reward: Float32Array | undefined
  readonly payment: Float32Array | undefined
}

export interface OneRankerModel extends OneRankerDescription, KnownThings {
  readonly digest: string
  readonly weights: OneRankerWeights
  /** By item: 1 for what the Dataset advertises, as the tokens of a history tell it apart. */
  readonly isAd: Uint8Array
}

export type TrainedOneRanker = Omit<OneRankerModel, keyof OneRankerDescription | 'digest'> & {
  readonly description: OneRankerDescription
}

const descriptionFile = 'model.json'
const adsFile = 'ads.u8'

/** Writes the files of the artifact into an empty folder; equal models give equal bytes. */
export async function writeOneRanker(directory: string, model: TrainedOneRanker): Promise<void> {
  const { description, weights, isAd } = model
  await writeWeights(directory, { ...weights })
  await writeFile(join(directory, adsFile), isAd)
  const sizes = await writeThings(directory, model)
  await writeFile(join(directory, descriptionFile), `${JSON.stringify({ ...description, sizes }, null, 2)}\n`)
}

/** @throws NotAModelError */
export async function openOneRankerModel(artifact: Artifact): Promise<OneRankerModel> {
  if (artifact.manifest.kind !== modelKind) throw new NotAModelError(artifact.digest, artifact.manifest.kind)
  const written = JSON.parse(await readFile(artifact.path(descriptionFile), 'utf8')) as OneRankerDescription & {
    readonly sizes: ThingSizes
  }
  if (written.architecture !== 'OneRanker')
    throw new NotAModelError(artifact.digest, `model of architecture ${String(written.architecture)}`)
  const { sizes, ...description } = written
  return {
    ...description,
    digest: artifact.digest,
    weights: await readWeights(artifact, description.shapes),
    isAd: new Uint8Array(await artifact.readFile(adsFile)),
    ...(await readThings(artifact, sizes, description)),
  }
}
