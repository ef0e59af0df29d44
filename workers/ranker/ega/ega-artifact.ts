// The artifact of a TrainingRun of EGA-V2: the weights of its networks, and all that decoding needs besides. Histories and
// ads are read from the Dataset artifact that it names.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../../artifacts/store.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { Fold } from '../../auction/reward-model/fold.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import { fromBytes, toBytes } from '../../tensor/parameters.ts'
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
import type { GeneratorShape } from './generator-shape.ts'

/** How a model allocates and prices unless it is told otherwise. */
export interface AuctionDefaults extends AuctionTerms {
  readonly allocation: 'Generative' | 'Cascade'
  /** None: bids do not weigh codes, they only count when a list is chosen. */
  readonly bidding: TokenBidding | 'None'
  readonly candidateLists: number
}

export const searchesByExpectedBids = ({ bidding }: Pick<AuctionDefaults, 'bidding'>): boolean =>
  bidding !== 'None' && bidding.bids === 'Expected'

export interface EgaDescription {
  readonly schemaVersion: 1
  readonly architecture: 'EGAV2'
  readonly shapes: {
    readonly generator: GeneratorShape | null
    readonly reward: RewardShape | null
    readonly payment: PaymentShape | null
  }
  /** Users that the reward model learned from. */
  readonly fold: Fold | null
  readonly auction: AuctionDefaults
  readonly itemCount: number
  readonly creativeCount: number
  readonly datasetDigest: string
  readonly tokenizerDigest: string
  readonly vocabulary: string | null
  readonly stages: readonly StageRecord[]
}

export interface EgaWeights {
  readonly generator: Float32Array | undefined
  readonly reward: Float32Array | undefined
  readonly payment: Float32Array | undefined
}

export interface EgaModel extends EgaDescription, KnownThings {
  readonly digest: string
  readonly weights: EgaWeights
  /** Mean logged bid by item, in the unit of money; only where lists are searched by expected bids. */
  readonly expectedBids?: Float32Array
}

export type TrainedEga = Omit<EgaModel, keyof EgaDescription | 'digest'> & { readonly description: EgaDescription }

const descriptionFile = 'model.json'
const expectedBidsFile = 'expected-bids.f32'

/** Writes the files of the artifact into an empty folder; equal models give equal bytes. */
export async function writeEgaModel(directory: string, model: TrainedEga): Promise<void> {
  const { description, weights } = model
  await writeWeights(directory, { ...weights })
  if (model.expectedBids !== undefined) await writeFile(join(directory, expectedBidsFile), toBytes(model.expectedBids))
  const sizes = await writeThings(directory, model)
  await writeFile(join(directory, descriptionFile), `${JSON.stringify({ ...description, sizes }, null, 2)}\n`)
}

/** @throws NotAModelError */
export async function openEgaModel(artifact: Artifact): Promise<EgaModel> {
  if (artifact.manifest.kind !== modelKind) throw new NotAModelError(artifact.digest, artifact.manifest.kind)
  const written = JSON.parse(await readFile(artifact.path(descriptionFile), 'utf8')) as EgaDescription & {
    readonly sizes: ThingSizes
  }
  if (written.architecture !== 'EGAV2')
    throw new NotAModelError(artifact.digest, `model of architecture ${written.architecture}`)
  const { sizes, ...description } = written
  return {
    ...description,
    digest: artifact.digest,
    weights: await readWeights(artifact, description.shapes),
    ...(searchesByExpectedBids(description.auction)
      ? { expectedBids: fromBytes(await artifact.readFile(expectedBidsFile)) }
      : {}),
    ...(await readThings(artifact, sizes, description)),
  }
}
