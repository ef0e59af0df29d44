// The artifact of a TrainingRun of EGA-V2.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bidder, OrganicOrder } from '../../../crds/auction-terms.ts'
import type { Artifact } from '../../artifacts/store.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import { fromBytes, toBytes } from '../../tensor/parameters.ts'
import {
  type AuctionTerms,
  type ModelDescription,
  type ModelParts,
  readAuctionModel,
  type Trained,
  writeAuctionModel,
} from '../auction-model.ts'
import type { GeneratorShape } from './generator-shape.ts'

/** How a model allocates and prices unless it is told otherwise. */
export interface AuctionDefaults extends AuctionTerms {
  readonly allocation: 'Generative' | 'Cascade'
  /** None: bids do not weigh codes, they only count when a list is chosen. */
  readonly bidding: TokenBidding | 'None'
  readonly candidateLists: number
  /** Absent: the lists of one search. */
  readonly alternatives?: 'Together' | 'Each' | 'Swaps'
  /** Who is left out of alternatives, and priced, as one; absent: every ad for itself. */
  readonly bidder?: Bidder
  /** Absent: organic items keep their order. */
  readonly organicOrder?: OrganicOrder
}

export const searchesByExpectedBids = ({ bidding }: Pick<AuctionDefaults, 'bidding'>): boolean =>
  bidding !== 'None' && bidding.bids === 'Expected'

export interface EgaDescription extends ModelDescription {
  readonly architecture: 'EGAV2'
  readonly shapes: {
    readonly generator: GeneratorShape | null
    readonly reward: RewardShape | null
    readonly payment: PaymentShape | null
  }
  readonly auction: AuctionDefaults
}

export interface EgaModel extends EgaDescription, ModelParts<EgaDescription> {
  /** Mean logged bid by item, in the unit of money; only where lists are searched by expected bids. */
  readonly expectedBids?: Float32Array
}

const expectedBidsFile = 'expected-bids.f32'

/** Writes the files of the artifact into an empty folder; equal models give equal bytes. */
export async function writeEgaModel(directory: string, model: Trained<EgaDescription, EgaModel>): Promise<void> {
  await writeAuctionModel(directory, model)
  if (model.expectedBids !== undefined) await writeFile(join(directory, expectedBidsFile), toBytes(model.expectedBids))
}

/** @throws NotAModelError */
export async function openEgaModel(artifact: Artifact): Promise<EgaModel> {
  const model = await readAuctionModel<EgaDescription>(artifact, 'EGAV2')
  if (!searchesByExpectedBids(model.auction)) return model
  return { ...model, expectedBids: fromBytes(await artifact.readFile(expectedBidsFile)) }
}
