// Files of what was learned, apart from the codes: feature transform, codebooks and the network before them. Those of
// creatives lie beside those of items under names with a prefix.

import { type NumberArray, type ReadableArtifact, readFloat32, readUint32 } from './array-files.ts'
import type { Autoencoder } from './autoencoder.ts'
import type { FeatureBlock, FeatureModel } from './features.ts'
import type { Quantizer } from './quantizer.ts'

/** The part of a vocabulary that is no array. */
export interface VocabularyDescription {
  readonly learnedSizes: readonly number[]
  readonly featureDimensions: number
  readonly blocks: readonly Omit<FeatureBlock, 'center'>[]
  readonly scale: number
  readonly text?: { readonly dimensions: number; readonly ngrams: number; readonly buckets: number } | undefined
  readonly ridge?: { readonly inputs: number; readonly outputs: number } | undefined
  /** Only of an RQ-VAE or RQ-k-means+. */
  readonly autoencoder?: Pick<Autoencoder, 'hidden' | 'latentDimensions' | 'residual'> | undefined
}

interface Vocabulary extends Quantizer {
  readonly featureDimensions: number
  readonly featureModel: FeatureModel
}

const files = {
  codebooks: 'codebooks.f32',
  centers: 'centers.f32',
  terms: 'terms.u32',
  idf: 'idf.f32',
  projection: 'projection.f32',
  ridge: 'ridge.f32',
  inputCenter: 'input-center.f32',
  inputFactor: 'input-factor.f32',
  autoencoder: 'autoencoder.f32',
}

export function describeVocabulary(vocabulary: Vocabulary): VocabularyDescription {
  const { codebooks, autoencoder, featureDimensions, featureModel } = vocabulary
  const { blocks, scale, text, ridge } = featureModel
  return {
    learnedSizes: codebooks.sizes,
    featureDimensions,
    blocks: blocks.map(({ kind, dimensions, factor }) => ({ kind, dimensions, factor })),
    scale,
    text: text && { dimensions: text.dimensions, ngrams: text.ngrams, buckets: text.buckets },
    ridge: ridge && { inputs: ridge.inputs, outputs: ridge.outputs },
    autoencoder: autoencoder && {
      hidden: autoencoder.hidden,
      latentDimensions: autoencoder.latentDimensions,
      residual: autoencoder.residual,
    },
  }
}

/** By file name; undefined where there is nothing to write. */
export function vocabularyArrays(
  { codebooks, autoencoder, featureModel: { blocks, text, ridge } }: Vocabulary,
  prefix = '',
): Record<string, NumberArray | undefined> {
  return {
    [prefix + files.codebooks]: codebooks.data,
    [prefix + files.centers]: Float32Array.from(blocks.flatMap(({ center }) => [...center])),
    [prefix + files.terms]: text?.terms,
    [prefix + files.idf]: text?.idf,
    [prefix + files.projection]: text?.weights,
    [prefix + files.ridge]: ridge?.weights,
    [prefix + files.inputCenter]: autoencoder?.scale.center,
    [prefix + files.inputFactor]: autoencoder?.scale.factor,
    [prefix + files.autoencoder]: autoencoder?.weights,
  }
}

export async function readQuantizer(
  artifact: ReadableArtifact,
  { featureDimensions, learnedSizes, autoencoder }: VocabularyDescription,
  prefix = '',
): Promise<Quantizer> {
  const dimensions = autoencoder?.latentDimensions ?? featureDimensions
  const data = await readFloat32(artifact, prefix + files.codebooks)
  const codebooks = { dimensions, sizes: learnedSizes, data }
  if (autoencoder === undefined) return { codebooks }
  const network: Autoencoder = {
    dimensions: featureDimensions,
    ...autoencoder,
    scale: {
      center: await readFloat32(artifact, prefix + files.inputCenter),
      factor: await readFloat32(artifact, prefix + files.inputFactor),
    },
    weights: await readFloat32(artifact, prefix + files.autoencoder),
  }
  return { codebooks, autoencoder: network }
}

export async function readFeatureModel(
  artifact: ReadableArtifact,
  { blocks, scale, text, ridge }: VocabularyDescription,
  prefix = '',
): Promise<FeatureModel> {
  const centers = await readFloat32(artifact, prefix + files.centers)
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
      terms: await readUint32(artifact, prefix + files.terms),
      idf: await readFloat32(artifact, prefix + files.idf),
      weights: await readFloat32(artifact, prefix + files.projection),
    },
    ridge: ridge && { ...ridge, weights: await readFloat32(artifact, prefix + files.ridge) },
  }
}
