// The artifact of a TokenizerBuild: numbers as little-endian arrays, the rest as JSON.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildOptions, BuildReport, BuiltTokenizer } from './build.ts'
import type { FeatureBlock, FeatureModel } from './features.ts'
import type { Codebooks } from './residual-quantizer.ts'
import { vocabularyOf } from './vocabulary.ts'

export interface Tokenizer {
  /** Artifact of the Dataset whose items, by index, are coded. */
  readonly datasetDigest: string
  /**
   * Digest of what codes and features mean: codebooks and feature transform. Absent from what was built before it was
   * told.
   */
  readonly vocabulary?: string | undefined
  readonly itemCount: number
  /** Codes of an item, an appended level included. */
  readonly levels: number
  /** Entries of each level. */
  readonly codebookSizes: readonly number[]
  readonly featureDimensions: number
  /** [items, levels], unique by item. */
  readonly codes: Uint16Array
  /** Content of the items [items, featureDimensions]: mean 0, variance 1 as the mean over dimensions. */
  readonly features: Float32Array
  /** Codebooks [size, featureDimensions] of the learned levels; an appended level has none. */
  readonly codebooks: Codebooks
}

/** With what another build needs to go on with the same codebooks. */
export interface EarlierTokenizer extends Tokenizer {
  readonly featureModel: FeatureModel
  readonly options: BuildOptions
  /** Id by item index. */
  readonly itemIds: readonly string[]
  /** [items], 1 where the codebooks were learned from the item. */
  readonly learned: Uint8Array
}

/** A verified artifact, as far as it is read here. */
export interface ReadableArtifact {
  path(file: string): string
}

interface Description {
  readonly schemaVersion: 1
  readonly datasetDigest: string
  readonly vocabulary?: string | undefined
  /** Absent from what was built before builds could be reused. */
  readonly options?: BuildOptions | undefined
  readonly itemCount: number
  readonly codebookSizes: readonly number[]
  readonly learnedSizes: readonly number[]
  readonly featureDimensions: number
  readonly blocks: readonly Omit<FeatureBlock, 'center'>[]
  readonly scale: number
  readonly text?: { readonly dimensions: number; readonly ngrams: number; readonly buckets: number } | undefined
  readonly ridge?: { readonly inputs: number; readonly outputs: number } | undefined
  readonly report: BuildReport
}

const files = {
  description: 'tokenizer.json',
  codes: 'codes.u16',
  codebooks: 'codebooks.f32',
  features: 'features.f32',
  centers: 'centers.f32',
  terms: 'terms.u32',
  idf: 'idf.f32',
  projection: 'projection.f32',
  ridge: 'ridge.f32',
  itemIds: 'items.jsonl',
  learned: 'learned.u8',
}

type NumberArray = Uint8Array | Uint16Array | Uint32Array | Float32Array

const bytesOf = ({ buffer, byteOffset, byteLength }: NumberArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Writes the files of the artifact into an empty folder; equal tokenizers give equal bytes. */
export async function writeTokenizer(
  directory: string,
  built: BuiltTokenizer,
  { digest: datasetDigest, itemIds }: { readonly digest: string; readonly itemIds: readonly string[] },
): Promise<void> {
  const { featureModel, codebooks } = built
  const { text, ridge } = featureModel
  const description: Description = {
    schemaVersion: 1,
    datasetDigest,
    vocabulary: vocabularyOf(codebooks, featureModel),
    options: built.options,
    itemCount: built.itemCount,
    codebookSizes: built.codebookSizes,
    learnedSizes: codebooks.sizes,
    featureDimensions: built.featureDimensions,
    blocks: featureModel.blocks.map(({ kind, dimensions, factor }) => ({ kind, dimensions, factor })),
    scale: featureModel.scale,
    text: text && { dimensions: text.dimensions, ngrams: text.ngrams, buckets: text.buckets },
    ridge: ridge && { inputs: ridge.inputs, outputs: ridge.outputs },
    report: built.report,
  }
  const centers = Float32Array.from(featureModel.blocks.flatMap(({ center }) => [...center]))
  const arrays: [string, NumberArray][] = [
    [files.codes, built.codes],
    [files.codebooks, codebooks.data],
    [files.features, built.features],
    [files.centers, centers],
    [files.learned, built.learned],
  ]
  if (text !== undefined) {
    arrays.push([files.terms, text.terms], [files.idf, text.idf], [files.projection, text.weights])
  }
  if (ridge !== undefined) arrays.push([files.ridge, ridge.weights])
  for (const [file, array] of arrays) await writeFile(join(directory, file), bytesOf(array))
  await writeFile(join(directory, files.itemIds), itemIds.map((id) => `${JSON.stringify(id)}\n`).join(''))
  await writeFile(join(directory, files.description), `${JSON.stringify(description, null, 2)}\n`)
}

export async function openTokenizer(artifact: ReadableArtifact): Promise<Tokenizer> {
  const description = await readDescription(artifact)
  const { datasetDigest, vocabulary, itemCount, codebookSizes, featureDimensions } = description
  return {
    datasetDigest,
    vocabulary,
    itemCount,
    levels: codebookSizes.length,
    codebookSizes,
    featureDimensions,
    codes: await readUint16(artifact, files.codes),
    features: await readFloat32(artifact, files.features),
    codebooks: {
      dimensions: featureDimensions,
      sizes: description.learnedSizes,
      data: await readFloat32(artifact, files.codebooks),
    },
  }
}

/** What makes features of items that the build did not see. */
export async function openFeatureModel(artifact: ReadableArtifact): Promise<FeatureModel> {
  const { blocks, scale, text, ridge } = await readDescription(artifact)
  const centers = await readFloat32(artifact, files.centers)
  let before = 0
  return {
    blocks: blocks.map((block) => {
      const center = centers.subarray(before, before + block.dimensions)
      before += block.dimensions
      return { ...block, center }
    }),
    scale,
    text: text && {
      ...text,
      terms: await readUint32(artifact, files.terms),
      idf: await readFloat32(artifact, files.idf),
      weights: await readFloat32(artifact, files.projection),
    },
    ridge: ridge && { ...ridge, weights: await readFloat32(artifact, files.ridge) },
  }
}

/** Undefined where the artifact was made before builds could be reused, and does not say with what. */
export async function openEarlierTokenizer(artifact: ReadableArtifact): Promise<EarlierTokenizer | undefined> {
  const { options, itemCount } = await readDescription(artifact)
  if (options === undefined) return undefined
  const ids = await readFile(artifact.path(files.itemIds), 'utf8')
  return {
    ...(await openTokenizer(artifact)),
    featureModel: await openFeatureModel(artifact),
    options,
    itemIds: ids
      .split('\n')
      .slice(0, itemCount)
      .map((line) => JSON.parse(line) as string),
    learned: new Uint8Array(await readArrayBuffer(artifact, files.learned)),
  }
}

/** How well the codes stand for the features. */
export async function openBuildReport(artifact: ReadableArtifact): Promise<BuildReport> {
  return (await readDescription(artifact)).report
}

async function readDescription(artifact: ReadableArtifact): Promise<Description> {
  return JSON.parse(await readFile(artifact.path(files.description), 'utf8')) as Description
}

/** A buffer of its own, aligned for any element. */
async function readArrayBuffer(artifact: ReadableArtifact, file: string): Promise<ArrayBuffer> {
  const bytes = await readFile(artifact.path(file))
  return new Uint8Array(bytes).buffer
}

const readUint16 = async (artifact: ReadableArtifact, file: string) =>
  new Uint16Array(await readArrayBuffer(artifact, file))
const readUint32 = async (artifact: ReadableArtifact, file: string) =>
  new Uint32Array(await readArrayBuffer(artifact, file))
const readFloat32 = async (artifact: ReadableArtifact, file: string) =>
  new Float32Array(await readArrayBuffer(artifact, file))
