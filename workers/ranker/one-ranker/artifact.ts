// The artifact of a TrainingRun of OneRanker.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../../artifacts/store.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import {
  type AuctionTerms,
  type ModelDescription,
  type ModelParts,
  readAuctionModel,
  type Trained,
  writeAuctionModel,
} from '../auction-model.ts'
import type { OneRankerShape } from './shape.ts'

/** How a model ranks and prices unless it is told otherwise. */
export interface OneRankerAuction extends AuctionTerms {
  /** Candidates that step 3 orders (n). */
  readonly candidates: number
  /** Where candidates of the whole catalogue come from. */
  readonly candidateRoute: 'InnerProduct' | 'SemanticIds'
}

export interface OneRankerDescription extends ModelDescription {
  readonly architecture: 'OneRanker'
  readonly shapes: {
    readonly ranker: OneRankerShape | null
    readonly reward: RewardShape | null
    readonly payment: PaymentShape | null
  }
  /** Longest list (K). */
  readonly listLength: number
  readonly auction: OneRankerAuction
}

export interface OneRankerModel extends OneRankerDescription, ModelParts<OneRankerDescription> {
  /** By item: 1 for what the Dataset advertises, as the tokens of a history tell it apart. */
  readonly isAd: Uint8Array
}

const adsFile = 'ads.u8'

/** Writes the files of the artifact into an empty folder; equal models give equal bytes. */
export async function writeOneRanker(
  directory: string,
  model: Trained<OneRankerDescription, OneRankerModel>,
): Promise<void> {
  await writeAuctionModel(directory, model)
  await writeFile(join(directory, adsFile), model.isAd)
}

/** @throws NotAModelError */
export async function openOneRankerModel(artifact: Artifact): Promise<OneRankerModel> {
  const model = await readAuctionModel<OneRankerDescription>(artifact, 'OneRanker')
  return { ...model, isAd: new Uint8Array(await artifact.readFile(adsFile)) }
}
