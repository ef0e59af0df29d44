// One interface for the ways to make codes: residual k-means on the features, or an RQ-VAE.

import type { Autoencoder } from './autoencoder.ts'
import { fromCodeSpace, toCodeSpace } from './code-space.ts'
import type { ColumnBlock } from './input-scale.ts'
import { createNearestCentroids } from './nearest.ts'
import { type Codebooks, errorShare, quantize, quantizeResiduals, sumOfEntries } from './residual-quantizer.ts'
import { learnRqVae, type RqVaeOptions } from './rq-vae.ts'

export interface LearningOptions {
  readonly levels: number
  readonly codebookSize: number
  /** Of k-means, also of that which an RQ-VAE starts from. */
  readonly iterations: number
  readonly seed: number
  /** Learns an RQ-VAE where given, else residual k-means. */
  readonly rqvae?: RqVaeOptions | undefined
}

/** What makes codes of features. */
export interface Quantizer {
  readonly codebooks: Codebooks
  /** From features to the space of the codebooks; absent where they lie among the features. */
  readonly autoencoder?: Autoencoder | undefined
}

export interface QuantizedFeatures {
  /** [points, dimensions of the codebooks]: what codes are nearest to. */
  readonly points: Float32Array
  /** [points, levels]. */
  readonly codes: Uint16Array
  /** Squared distance of features from what their codes stand for, as a share of the squared features. */
  readonly reconstructionError: number
}

export interface LearningRun {
  /** Threads to learn with; the result does not depend on it. */
  readonly threads: number
  /** Called between steps, with those done, `learningSteps` in all; what it throws ends the work. */
  readonly onStep: (step: number) => Promise<void>
}

/** Iterations of k-means by level, then epochs. */
export const learningSteps = ({ levels, iterations, rqvae }: LearningOptions): number =>
  levels * iterations + (rqvae?.epochs ?? 0)

/**
 * Learns codes of features [points, dimensions] with mean zero.
 * @param blocks kinds of features, in the order of the columns
 * @throws TokenizerSpecError when an RQ-VAE diverges
 */
export async function learnQuantizer(
  features: Float32Array,
  blocks: readonly ColumnBlock[],
  options: LearningOptions,
  { threads, onStep }: LearningRun,
): Promise<Quantizer & QuantizedFeatures> {
  const { levels, iterations, rqvae } = options
  const onIteration = (level: number, iteration: number) => onStep(level * iterations + iteration + 1)
  if (rqvae !== undefined) {
    const onEpoch = (epochs: number) => onStep(levels * iterations + epochs)
    const learned = await learnRqVae(features, {
      ...options,
      rqvae,
      blocks,
      threads,
      onStep: onEpoch,
      onStartIteration: onIteration,
    })
    return { ...learned, ...(await applyQuantizer(features, learned)) }
  }
  const dimensions = blocks.reduce((sum, block) => sum + block.dimensions, 0)
  const nearest = await createNearestCentroids(dimensions)
  try {
    const learned = await quantizeResiduals(features, { ...options, dimensions, nearest, onIteration })
    return { ...learned, points: features }
  } finally {
    await nearest.release()
  }
}

/** Nearest codes of features by a learned quantizer; equal features get equal codes. */
export async function applyQuantizer(
  features: Float32Array,
  { codebooks, autoencoder }: Quantizer,
): Promise<QuantizedFeatures> {
  const points = await toCodeSpace(features, autoencoder)
  const nearest = await createNearestCentroids(codebooks.dimensions)
  try {
    const found = await quantize(points, codebooks, nearest)
    if (autoencoder === undefined) return { ...found, points }
    const restored = await fromCodeSpace(sumOfEntries(found.codes, codebooks), autoencoder)
    const residuals = features.map((value, index) => value - restored[index])
    return { codes: found.codes, points, reconstructionError: errorShare(residuals, features) }
  } finally {
    await nearest.release()
  }
}
