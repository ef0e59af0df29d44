// The artifact of a TrainingRun of an architecture that allocates: what it says of itself, the weights of its networks, and
// what it knows of items and creatives. Histories, ads and bids are read from the Dataset artifact that it names.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PaymentRule } from '../../crds/auction-terms.ts'
import type { Artifact } from '../artifacts/store.ts'
import type { ListConstraints } from '../auction/auction.ts'
import type { Fold } from '../auction/reward-model/fold.ts'
import type { ListObjective } from '../decoding/auction/reward-judge.ts'
import { fromBytes, toBytes } from '../tensor/parameters.ts'
import { type KnownThings, readThings, type ThingSizes, writeThings } from './known-things.ts'
import { modelKind, NotAModelError } from './model-artifact.ts'
import type { StageMetrics } from './stage-training.ts'

/** What counts, what a list may hold and how it is priced, unless a model is told otherwise. */
export interface AuctionTerms {
  readonly objective: ListObjective
  /** A bound that is null is none. */
  readonly constraints: { readonly [Name in keyof ListConstraints]: number | null }
  readonly paymentRule: PaymentRule
  /** Money that counts as a bid of 1: the mean bid of the training part. */
  readonly bidUnit: number
}

export interface StageRecord {
  readonly name: string
  readonly digest: string
  readonly epoch: number
  readonly history: readonly StageMetrics[]
}

/** What the model of any architecture says of itself; each narrows it and adds its own. */
export interface ModelDescription {
  readonly schemaVersion: 1
  readonly architecture: string
  /** By network; null of one that there is none of. */
  readonly shapes: Readonly<Record<string, object | null>>
  /** Users that the reward model learned from. */
  readonly fold: Fold | null
  readonly auction: AuctionTerms
  readonly itemCount: number
  readonly creativeCount: number
  readonly datasetDigest: string
  readonly tokenizerDigest: string
  readonly vocabulary: string | null
  readonly stages: readonly StageRecord[]
}

/** By network; undefined of one that there is none of. */
type Weights<Network extends PropertyKey> = { readonly [Name in Network]: Float32Array | undefined }

/** What a model has beside its description. */
export interface ModelParts<Description extends ModelDescription> extends KnownThings {
  readonly digest: string
  readonly weights: Weights<keyof Description['shapes']>
}

/** A model that is to be written. */
export type Trained<Description, Model extends Description> = Omit<Model, keyof Description | 'digest'> & {
  readonly description: Description
}

const descriptionFile = 'model.json'
const weightsFile = (network: string): string => `${network}.f32`

/** Writes the files that all architectures have into an empty folder; equal models give equal bytes. */
export async function writeAuctionModel(
  directory: string,
  model: KnownThings & { readonly description: ModelDescription; readonly weights: Weights<string> },
): Promise<void> {
  for (const [network, vector] of Object.entries(model.weights))
    if (vector !== undefined) await writeFile(join(directory, weightsFile(network)), toBytes(vector))
  const sizes = await writeThings(directory, model)
  const text = JSON.stringify({ ...model.description, sizes }, null, 2)
  await writeFile(join(directory, descriptionFile), `${text}\n`)
}

/** Reads what `writeAuctionModel` wrote. @throws NotAModelError for a model of another architecture too */
export async function readAuctionModel<Description extends ModelDescription>(
  artifact: Artifact,
  architecture: Description['architecture'],
): Promise<Description & ModelParts<Description>> {
  const { digest, manifest } = artifact
  if (manifest.kind !== modelKind) throw new NotAModelError(digest, manifest.kind)
  const written = JSON.parse(await readFile(artifact.path(descriptionFile), 'utf8')) as { readonly sizes: ThingSizes }
  const { sizes, ...rest } = written
  const description = rest as Description
  if (description.architecture !== architecture)
    throw new NotAModelError(digest, `model of architecture ${String(description.architecture)}`)
  return {
    ...description,
    digest,
    weights: await readWeights<Description['shapes']>(artifact, description.shapes),
    ...(await readThings(artifact, sizes, description)),
  }
}

/** What a model learned from: `fold` of the users of a Dataset revision, null of a model without a reward model. */
export type LearnedUsers = Pick<ModelDescription, 'fold' | 'datasetDigest'>

/** Reads no weights. */
export async function readLearnedUsers(artifact: Pick<Artifact, 'path'>): Promise<LearnedUsers> {
  return JSON.parse(await readFile(artifact.path(descriptionFile), 'utf8')) as LearnedUsers
}

async function readWeights<Shapes extends ModelDescription['shapes']>(
  artifact: Pick<Artifact, 'readFile'>,
  shapes: Shapes,
): Promise<Weights<keyof Shapes>> {
  const entries = Object.entries(shapes).map(async ([network, shape]) => {
    const weights = shape === null ? undefined : fromBytes(await artifact.readFile(weightsFile(network)))
    return [network, weights] as const
  })
  return Object.fromEntries(await Promise.all(entries)) as Weights<keyof Shapes>
}
