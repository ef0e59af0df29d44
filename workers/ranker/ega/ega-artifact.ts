// The artifact of a TrainingRun of EGA-V2: the weights of its networks, and all that decoding needs besides. Histories and
// ads are read from the Dataset artifact that it names.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PaymentRule } from '../../../crds/auction-terms.ts'
import type { Artifact } from '../../artifacts/store.ts'
import type { ListConstraints } from '../../auction/auction.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { Fold } from '../../auction/reward-model/fold.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import type { ListObjective } from '../../decoding/auction/reward-judge.ts'
import { fromBytes, toBytes } from '../../tensor/parameters.ts'
import { openCatalogue } from '../catalogue.ts'
import { modelKind, NotAModelError } from '../model-artifact.ts'
import type { StageMetrics } from '../stage-training.ts'
import type { GeneratorCatalogue } from './generator-catalogue.ts'
import type { GeneratorShape } from './generator-shape.ts'

/** How a model allocates and prices unless it is told otherwise. */
export interface AuctionDefaults {
  readonly allocation: 'Generative' | 'Cascade'
  /** None: bids do not weigh codes, they only count when a list is chosen. */
  readonly bidding: TokenBidding | 'None'
  readonly candidateLists: number
  readonly objective: ListObjective
  /** A bound that is null is none. */
  readonly constraints: { readonly [Name in keyof ListConstraints]: number | null }
  readonly paymentRule: PaymentRule
  /** Money that counts as a bid of 1: the mean bid of the training part. */
  readonly bidUnit: number
}

export const searchesByExpectedBids = ({ bidding }: Pick<AuctionDefaults, 'bidding'>): boolean =>
  bidding !== 'None' && bidding.bids === 'Expected'

export interface StageRecord {
  readonly name: string
  readonly digest: string
  readonly epoch: number
  readonly history: readonly StageMetrics[]
}

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

export interface EgaModel extends EgaDescription {
  readonly digest: string
  readonly weights: EgaWeights
  readonly catalogue: GeneratorCatalogue
  /** By item, [items + 1]; absent where there are no creatives. */
  readonly creativeOffsets: Uint32Array | undefined
  /** Mean logged bid by item, in the unit of money; only where lists are searched by expected bids. */
  readonly expectedBids?: Float32Array
  readonly itemIds: readonly string[]
  readonly creativeIds: readonly string[]
}

export type TrainedEga = Omit<EgaModel, keyof EgaDescription | 'digest'> & { readonly description: EgaDescription }

const files = {
  description: 'model.json',
  weights: (network: keyof EgaWeights) => `${network}.f32`,
  codes: 'codes.u16',
  features: 'features.f32',
  directions: 'directions.f32',
  itemIds: 'items.jsonl',
  creativeCodes: 'creative-codes.u16',
  creativeFeatures: 'creative-features.f32',
  creativeOffsets: 'creative-offsets.u32',
  expectedBids: 'expected-bids.f32',
  creativeIds: 'creatives.jsonl',
}

const networks = ['generator', 'reward', 'payment'] as const

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Uint32Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const lines = (ids: readonly string[]): string => ids.map((id) => `${JSON.stringify(id)}\n`).join('')

/** Writes the files of the artifact into an empty folder; equal models give equal bytes. */
export async function writeEgaModel(directory: string, model: TrainedEga): Promise<void> {
  const write = (file: string, data: Uint8Array | string) => writeFile(join(directory, file), data)
  const { catalogue, description, weights } = model
  for (const network of networks) {
    const vector = weights[network]
    if (vector !== undefined) await write(files.weights(network), toBytes(vector))
  }
  await write(files.codes, bytesOf(catalogue.items.codes))
  await write(files.features, bytesOf(catalogue.items.features))
  await write(files.directions, bytesOf(catalogue.items.projection.directions))
  await write(files.itemIds, lines(model.itemIds))
  if (catalogue.creatives !== undefined && model.creativeOffsets !== undefined) {
    await write(files.creativeCodes, bytesOf(catalogue.creatives.codes))
    await write(files.creativeFeatures, bytesOf(catalogue.creatives.features))
    await write(files.creativeOffsets, bytesOf(model.creativeOffsets))
    await write(files.creativeIds, lines(model.creativeIds))
  }
  if (model.expectedBids !== undefined) await write(files.expectedBids, bytesOf(model.expectedBids))
  const sizes = {
    items: sizesOf(catalogue.items),
    creatives: catalogue.creatives === undefined ? null : sizesOf(catalogue.creatives),
    contentDimensions: catalogue.items.projection.dimensions,
  }
  await write(files.description, `${JSON.stringify({ ...description, sizes }, null, 2)}\n`)
}

interface Sizes {
  readonly codebookSizes: readonly number[]
  readonly featureDimensions: number
}

const sizesOf = ({ codebookSizes, featureDimensions }: Sizes): Sizes => ({ codebookSizes, featureDimensions })

type Written = EgaDescription & {
  readonly sizes: { readonly items: Sizes; readonly creatives: Sizes | null; readonly contentDimensions: number }
}

/** @throws NotAModelError */
export async function openEgaModel(artifact: Artifact): Promise<EgaModel> {
  if (artifact.manifest.kind !== modelKind) throw new NotAModelError(artifact.digest, artifact.manifest.kind)
  const written = JSON.parse(await readFile(artifact.path(files.description), 'utf8')) as Written
  if (written.architecture !== 'EGAV2')
    throw new NotAModelError(artifact.digest, `model of architecture ${written.architecture}`)
  const { sizes, ...description } = written
  const { itemCount, creativeCount } = description
  const floats = async (file: string) => fromBytes(await artifact.readFile(file))
  const ids = async (file: string, count: number) =>
    (await readFile(artifact.path(file), 'utf8'))
      .split('\n')
      .slice(0, count)
      .map((line) => JSON.parse(line) as string)
  const integers = async (file: string) => new Uint8Array(await artifact.readFile(file)).buffer
  const { items, creatives, contentDimensions } = sizes
  const weights: Record<string, Float32Array> = {}
  for (const network of networks)
    if (description.shapes[network] !== null) weights[network] = await floats(files.weights(network))
  return {
    ...description,
    digest: artifact.digest,
    weights: { generator: weights.generator, reward: weights.reward, payment: weights.payment },
    catalogue: {
      items: openCatalogue(
        {
          ...items,
          itemCount,
          levels: items.codebookSizes.length,
          codes: new Uint16Array(await integers(files.codes)),
          features: await floats(files.features),
        },
        { dimensions: contentDimensions, directions: await floats(files.directions) },
      ),
      creatives:
        creatives === null
          ? undefined
          : {
              ...creatives,
              count: creativeCount,
              codes: new Uint16Array(await integers(files.creativeCodes)),
              features: await floats(files.creativeFeatures),
            },
    },
    creativeOffsets: creatives === null ? undefined : new Uint32Array(await integers(files.creativeOffsets)),
    ...(searchesByExpectedBids(description.auction) ? { expectedBids: await floats(files.expectedBids) } : {}),
    itemIds: await ids(files.itemIds, itemCount),
    creativeIds: creatives === null ? [] : await ids(files.creativeIds, creativeCount),
  }
}
