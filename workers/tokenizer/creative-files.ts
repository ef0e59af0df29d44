// The creatives' part of a tokenizer's artifact, in files of its own.

import {
  type ReadableArtifact,
  readFloat32,
  readIds,
  readUint8,
  readUint16,
  readUint32,
  writeArrays,
  writeIds,
} from './array-files.ts'
import type { BuildReport } from './build.ts'
import type { BuiltCreatives, CreativeOptions, CreativeTokens } from './creatives.ts'
import {
  describeVocabulary,
  readFeatureModel,
  readQuantizer,
  type VocabularyDescription,
  vocabularyArrays,
} from './vocabulary-files.ts'

/** As it stands in the description of the tokenizer. */
export interface CreativeDescription extends VocabularyDescription {
  readonly vocabulary: string
  readonly count: number
  readonly codebookSizes: readonly number[]
  readonly options: CreativeOptions
  readonly report: BuildReport
}

const prefix = 'creative-'

const files = {
  codes: `${prefix}codes.u16`,
  features: `${prefix}features.f32`,
  offsets: `${prefix}offsets.u32`,
  learned: `${prefix}learned.u8`,
  ids: 'creatives.jsonl',
}

export function describeCreatives(creatives: BuiltCreatives): CreativeDescription {
  const { vocabulary, count, codebookSizes, options, report } = creatives
  return { vocabulary, count, codebookSizes, ...describeVocabulary(creatives), options, report }
}

export async function writeCreatives(directory: string, creatives: BuiltCreatives): Promise<void> {
  await writeArrays(directory, {
    [files.codes]: creatives.codes,
    [files.features]: creatives.features,
    [files.offsets]: creatives.offsets,
    [files.learned]: creatives.learned,
    ...vocabularyArrays(creatives, prefix),
  })
  await writeIds(directory, files.ids, creatives.ids)
}

export async function readCreatives(
  artifact: ReadableArtifact,
  { vocabulary, count, codebookSizes, featureDimensions }: CreativeDescription,
): Promise<CreativeTokens> {
  return {
    vocabulary,
    count,
    levels: codebookSizes.length,
    codebookSizes,
    featureDimensions,
    codes: await readUint16(artifact, files.codes),
    features: await readFloat32(artifact, files.features),
    ids: await readIds(artifact, files.ids, count),
    offsets: await readUint32(artifact, files.offsets),
  }
}

export async function readEarlierCreatives(
  artifact: ReadableArtifact,
  description: CreativeDescription,
): Promise<BuiltCreatives> {
  const { options, report } = description
  return {
    ...(await readCreatives(artifact, description)),
    ...(await readQuantizer(artifact, description, prefix)),
    featureModel: await readFeatureModel(artifact, description, prefix),
    learned: await readUint8(artifact, files.learned),
    options,
    report,
  }
}
