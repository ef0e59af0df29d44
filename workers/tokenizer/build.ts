import type { TrainingSequences } from '../data/co-occurrence.ts'
import type { Catalogue } from './catalogue.ts'
import { appendLevel, collisionRate, reassign } from './collisions.ts'
import { type FeatureModel, type FeatureOptions, learnFeatures } from './features.ts'
import { type LearningOptions, learningSteps, learnQuantizer, type Quantizer } from './quantizer.ts'
import { utilization } from './residual-quantizer.ts'

export interface BuildOptions extends LearningOptions {
  readonly features: Omit<FeatureOptions, 'seed'>
  readonly collisions: 'Reassign' | 'AppendLevel'
}

export interface BuildReport {
  /** Share of items whose codes another item had too, before they were told apart. */
  readonly collisionRate: number
  /** Squared error of the codes as a share of the variance of the features. */
  readonly reconstructionError: number
  /** Share of entries in use before collisions were resolved, by learned level. */
  readonly utilization: number[]
}

export interface BuiltTokenizer extends Quantizer {
  readonly itemCount: number
  readonly featureDimensions: number
  /** [items, dimensions]. */
  readonly features: Float32Array
  readonly featureModel: FeatureModel
  /** [items, codebookSizes.length], unique by item. */
  readonly codes: Uint16Array
  /** By level, an appended one included. */
  readonly codebookSizes: readonly number[]
  /** What codebooks and features were learned with. */
  readonly options: BuildOptions
  /** [items], 1 where the codebooks were learned from the item: all of them, unless they are those of another build. */
  readonly learned: Uint8Array
  readonly report: BuildReport
}

export type BuildProgress = (phase: 'Features' | 'Quantization' | 'Collisions', step: number) => Promise<void>

/**
 * Learns codes for every item of a Dataset.
 * @param progress called between steps; what it throws ends the build. Steps run from 0 to `learningSteps`.
 * @param threads to learn with; the result does not depend on it
 * @throws TokenizerSpecError when the Dataset cannot give what the options ask for
 */
export async function buildTokenizer(
  dataset: Catalogue & TrainingSequences,
  options: BuildOptions,
  progress: BuildProgress = async () => {},
  threads = 1,
): Promise<BuiltTokenizer> {
  const featureOptions = { ...options.features, seed: options.seed }
  const { dimensions, data, model } = await learnFeatures(dataset, featureOptions, () => progress('Features', 0))
  const learned = await learnQuantizer(data, model.blocks, options, {
    threads,
    onStep: (step) => progress('Quantization', step),
  })
  await progress('Collisions', learningSteps(options))
  const { codebooks, autoencoder, codes, points, reconstructionError } = learned
  const unique = (options.collisions === 'Reassign' ? reassign : appendLevel)(codes, codebooks, points)
  return {
    itemCount: dataset.itemCount,
    featureDimensions: dimensions,
    features: data,
    featureModel: model,
    codebooks,
    autoencoder,
    codes: unique.codes,
    codebookSizes: unique.sizes,
    options,
    learned: new Uint8Array(dataset.itemCount).fill(1),
    report: {
      collisionRate: collisionRate(codes, options.levels),
      reconstructionError,
      utilization: utilization(codes, codebooks.sizes),
    },
  }
}
