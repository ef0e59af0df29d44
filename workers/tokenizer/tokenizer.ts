// The artifact of a TokenizerBuild: numbers as little-endian arrays, the rest as JSON.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ReadableArtifact,
  readFloat32,
  readIds,
  readUint8,
  readUint16,
  writeArrays,
  writeIds,
} from './array-files.ts'
import type { BuildOptions, BuildReport, BuiltTokenizer } from './build.ts'
import {
  type CreativeDescription,
  describeCreatives,
  readCreatives,
  readEarlierCreatives,
  writeCreatives,
} from './creative-files.ts'
import type { BuiltCreatives, CreativeTokens } from './creatives.ts'
import type { FeatureModel } from './features.ts'
import type { Quantizer } from './quantizer.ts'
import { vocabularyOf } from './vocabulary.ts'
import {
  describeVocabulary,
  readFeatureModel,
  readQuantizer,
  type VocabularyDescription,
  vocabularyArrays,
} from './vocabulary-files.ts'

export type { ReadableArtifact } from './array-files.ts'

/** Codebooks of the learned levels; an appended level has none. They lie among the features, or behind the network. */
export interface Tokenizer extends Quantizer {
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
  /** Only where the build was asked for them. */
  readonly creatives?: CreativeTokens | undefined
}

/** With what another build needs to go on with the same codebooks. */
export interface EarlierTokenizer extends Tokenizer {
  readonly featureModel: FeatureModel
  readonly options: BuildOptions
  /** Id by item index. */
  readonly itemIds: readonly string[]
  /** [items], 1 where the codebooks were learned from the item. */
  readonly learned: Uint8Array
  readonly creatives?: BuiltCreatives | undefined
}

interface Description extends VocabularyDescription {
  readonly schemaVersion: 1
  readonly datasetDigest: string
  readonly vocabulary?: string | undefined
  /** Absent from what was built before builds could be reused. */
  readonly options?: BuildOptions | undefined
  readonly itemCount: number
  readonly codebookSizes: readonly number[]
  readonly report: BuildReport
  readonly creatives?: CreativeDescription | undefined
}

const files = {
  description: 'tokenizer.json',
  codes: 'codes.u16',
  features: 'features.f32',
  itemIds: 'items.jsonl',
  learned: 'learned.u8',
}

/** Writes the files of the artifact into an empty folder; equal tokenizers give equal bytes. */
export async function writeTokenizer(
  directory: string,
  built: BuiltTokenizer,
  { digest: datasetDigest, itemIds }: { readonly digest: string; readonly itemIds: readonly string[] },
  creatives?: BuiltCreatives,
): Promise<void> {
  const description: Description = {
    schemaVersion: 1,
    datasetDigest,
    vocabulary: vocabularyOf(built, built.featureModel),
    options: built.options,
    itemCount: built.itemCount,
    codebookSizes: built.codebookSizes,
    ...describeVocabulary(built),
    report: built.report,
    creatives: creatives && describeCreatives(creatives),
  }
  await writeArrays(directory, {
    [files.codes]: built.codes,
    [files.features]: built.features,
    [files.learned]: built.learned,
    ...vocabularyArrays(built),
  })
  await writeIds(directory, files.itemIds, itemIds)
  if (creatives !== undefined) await writeCreatives(directory, creatives)
  await writeFile(join(directory, files.description), `${JSON.stringify(description, null, 2)}\n`)
}

export async function openTokenizer(artifact: ReadableArtifact): Promise<Tokenizer> {
  const description = await readDescription(artifact)
  const { creatives } = description
  return {
    ...(await readItems(artifact, description)),
    creatives: creatives && (await readCreatives(artifact, creatives)),
  }
}

async function readItems(artifact: ReadableArtifact, description: Description): Promise<Omit<Tokenizer, 'creatives'>> {
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
    ...(await readQuantizer(artifact, description)),
  }
}

/** What makes features of items that the build did not see. */
export async function openFeatureModel(artifact: ReadableArtifact): Promise<FeatureModel> {
  return readFeatureModel(artifact, await readDescription(artifact))
}

/** Undefined where the artifact was made before builds could be reused, and does not say with what. */
export async function openEarlierTokenizer(artifact: ReadableArtifact): Promise<EarlierTokenizer | undefined> {
  const description = await readDescription(artifact)
  const { options, itemCount, creatives } = description
  if (options === undefined) return undefined
  return {
    ...(await readItems(artifact, description)),
    featureModel: await readFeatureModel(artifact, description),
    options,
    itemIds: await readIds(artifact, files.itemIds, itemCount),
    learned: await readUint8(artifact, files.learned),
    creatives: creatives && (await readEarlierCreatives(artifact, creatives)),
  }
}

/** How well the codes stand for the features. */
export async function openBuildReport(artifact: ReadableArtifact): Promise<BuildReport> {
  return (await readDescription(artifact)).report
}

async function readDescription(artifact: ReadableArtifact): Promise<Description> {
  return JSON.parse(await readFile(artifact.path(files.description), 'utf8')) as Description
}
