// The artifact of a TrainingRun: weights, and all that decoding needs besides. Histories of users are read from the
// Dataset artifact that it names.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../artifacts/store.ts'
import { fromBytes, toBytes } from '../tensor/parameters.ts'
import { type RankerShape, rankerLayout } from './architecture.ts'
import { type Catalogue, openCatalogue } from './catalogue.ts'

export const modelKind = 'Model'

const files = {
  description: 'model.json',
  weights: 'weights.f32',
  codes: 'codes.u16',
  features: 'features.f32',
  directions: 'directions.f32',
  itemIds: 'items.jsonl',
}

/** Metrics after one epoch; the loss in nats an item. */
export interface EpochMetrics {
  readonly epoch: number
  readonly trainingLoss: number
  /** NDCG@10 on the validation part. */
  readonly validationNdcg: number
  readonly validationRecall: number
}

export interface ModelDescription {
  readonly schemaVersion: 1
  readonly architecture: 'DecoderOnly'
  readonly shape: RankerShape
  readonly itemCount: number
  readonly datasetDigest: string
  readonly tokenizerDigest: string
  /** Of the tokenizer: what codes and features mean. Absent from models that were trained before it was told. */
  readonly vocabulary?: string | undefined
  /** Digest of the model that training started from. */
  readonly parent?: string
  readonly bestEpoch: number
  readonly history: readonly EpochMetrics[]
}

export interface RankerModel extends ModelDescription {
  /** Digest of the artifact. */
  readonly digest: string
  readonly parameters: Float32Array
  readonly catalogue: Catalogue
  /** Id by item index. */
  readonly itemIds: readonly string[]
}

export interface TrainedModel {
  readonly description: ModelDescription
  readonly parameters: Float32Array
  readonly items: Pick<Catalogue, 'codes' | 'features' | 'projection'>
  readonly itemIds: readonly string[]
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Writes the files of the artifact into an empty folder; equal models give equal bytes. */
export const writeModelFiles = async (directory: string, model: TrainedModel): Promise<void> => {
  const { description, parameters, items, itemIds } = model
  const layout = rankerLayout(description.shape).parameters.map(({ name, shape, offset }) => ({ name, shape, offset }))
  await writeFile(join(directory, files.weights), toBytes(parameters))
  await writeFile(join(directory, files.codes), bytesOf(items.codes))
  await writeFile(join(directory, files.features), bytesOf(items.features))
  await writeFile(join(directory, files.directions), bytesOf(items.projection.directions))
  await writeFile(join(directory, files.itemIds), itemIds.map((id) => `${JSON.stringify(id)}\n`).join(''))
  await writeFile(join(directory, files.description), `${JSON.stringify({ ...description, layout }, null, 2)}\n`)
}

/** A reference to something else than a trained model; only another reference helps. */
export class NotAModelError extends Error {
  readonly reason = 'NotAModel'
  readonly retryable = false

  constructor(digest: string, kind: string) {
    super(`Artifact ${digest} is a ${kind}, not a ${modelKind}: refer to the artifact of a TrainingRun`)
    this.name = 'NotAModelError'
  }
}

/** @throws NotAModelError, and when the weights are not of the model's shape */
export const openModel = async (artifact: Artifact): Promise<RankerModel> => {
  if (artifact.manifest.kind !== modelKind) throw new NotAModelError(artifact.digest, artifact.manifest.kind)
  const description = JSON.parse(await readFile(artifact.path(files.description), 'utf8')) as ModelDescription
  if (description.architecture !== 'DecoderOnly')
    throw new NotAModelError(artifact.digest, `model of architecture ${String(description.architecture)}`)
  const { shape, itemCount } = description
  const parameters = fromBytes(await artifact.readFile(files.weights))
  const { size } = rankerLayout(shape)
  if (parameters.length !== size)
    throw new Error(`Model ${artifact.digest} has ${parameters.length} weights where its shape needs ${size}`)
  const codes = new Uint16Array(new Uint8Array(await artifact.readFile(files.codes)).buffer)
  const ids = await readFile(artifact.path(files.itemIds), 'utf8')
  const { codebookSizes, featureDimensions, contentDimensions } = shape
  const features = fromBytes(await artifact.readFile(files.features))
  const directions = fromBytes(await artifact.readFile(files.directions))
  const catalogue = openCatalogue(
    { itemCount, levels: codebookSizes.length, codebookSizes, codes, featureDimensions, features },
    { dimensions: contentDimensions, directions },
  )
  const itemIds = ids
    .split('\n')
    .slice(0, itemCount)
    .map((line) => JSON.parse(line) as string)
  return { ...description, digest: artifact.digest, parameters, catalogue, itemIds }
}
