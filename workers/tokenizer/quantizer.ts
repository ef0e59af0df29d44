// One interface for the ways to make codes: residual k-means on the features, an RQ-VAE, or RQ-k-means+.

import type { Autoencoder } from './autoencoder.ts'
import { fromCodeSpace, toCodeSpace } from './code-space.ts'
import { type ColumnBlock, columnsOf } from './input-scale.ts'
import { createNearestCentroids } from './nearest.ts'
import { type Codebooks, errorShare, quantize, quantizeResiduals, sumOfEntries } from './residual-quantizer.ts'
import { learnRqKMeansPlus } from './rq-k-means-plus.ts'
import { learnRqVae, type RqVaeOptions } from './rq-vae.ts'
import type { NetworkOptions } from './rq-vae-training.ts'

export interface LearningOptions {
  readonly levels: number
  readonly codebookSize: number
  /** Of k-means, also of that which the others start from. */
  readonly iterations: number
  readonly seed: number
  /** Learns an RQ-VAE where given, RQ-k-means+ where that is, else residual k-means. */
  readonly rqvae?: RqVaeOptions | undefined
  readonly rqKMeansPlus?: NetworkOptions | undefined
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
export const learningSteps = ({ levels, iterations, rqvae, rqKMeansPlus }: LearningOptions): number =>
  levels * iterations + ((rqvae ?? rqKMeansPlus)?.epochs ?? 0)

/**
 * Learns codes of features [points, dimensions] with mean zero.
 * @param blocks kinds of features, in the order of the columns
 * @throws TokenizerSpecError when a network diverges
 */
export async function learnQuantizer(
  features: Float32Array,
  blocks: readonly ColumnBlock[],
  options: LearningOptions,
  { threads, onStep }: LearningRun,
): Promise<Quantizer & QuantizedFeatures> {
  const { levels, iterations, rqvae, rqKMeansPlus } = options
  const onIteration = (level: number, iteration: number) => onStep(level * iterations + iteration + 1)
  const onEpoch = (epochs: number) => onStep(levels * iterations + epochs)
  const task = { ...options, blocks, threads, onStep: onEpoch, onStartIteration: onIteration }
  const network =
    (rqvae && (await learnRqVae(features, rqvae, task))) ??
    (rqKMeansPlus && (await learnRqKMeansPlus(features, rqKMeansPlus, task)))
  if (network !== undefined) return { ...network, ...(await applyQuantizer(features, network)) }
  const dimensions = columnsOf(blocks)
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
