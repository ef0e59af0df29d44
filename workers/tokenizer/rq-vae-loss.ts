// The loss of an RQ-VAE: "Autoregressive Image Generation using Residual Quantization" (Lee et al., arXiv 2203.01941), as
// TIGER (arXiv 2305.05065) takes it for items.

import { reduceSum, reshape } from '../tensor/broadcasting.ts'
import { add, scale, square, stopGradient, sub } from '../tensor/elementwise.ts'
import type { Value } from '../tensor/graph.ts'
import { argMax, gather } from '../tensor/indexing.ts'
import { gemm } from '../tensor/linear.ts'
import { parameterLayout } from '../tensor/parameters.ts'
import { reduceMean } from '../tensor/reductions.ts'
import type { TrainingModel } from '../tensor/training-step.ts'
import { type AutoencoderShape, autoencoderParameters, perceptron } from './autoencoder.ts'

export interface RqVaeShape extends AutoencoderShape {
  readonly levels: number
  /** Entries of each level. */
  readonly codebookSize: number
  /** Weight of the commitment loss (beta). */
  readonly commitment: number
}

export const codebookName = (level: number): string => `codebook.${level}`

const meanSquare = (difference: Value): Value => reduceMean(square(difference))

/** Nearest entry of each row: points [n, d], entries [k, d]; int64 [n], the first among equals, without a gradient. */
export const nearestEntry = (points: Value, entries: Value): Value => {
  const norms = reshape(reduceSum(square(entries), [1]), [1, -1])
  return argMax(sub(gemm(points, entries, undefined, { transposeB: true, alpha: 2 }), norms), 1)
}

/** The value of `quantized`, the gradient of `latent` (Bengio et al., arXiv 1308.3432). */
export const straightThrough = (latent: Value, quantized: Value): Value =>
  add(latent, stopGradient(sub(quantized, latent)))

export interface ResidualQuantization {
  /** Sum of the chosen entries [n, d], with the gradient of the latent vectors. */
  readonly quantized: Value
  /** Moves entries to the residuals that chose them. */
  readonly codebookLoss: Value
  /** Moves residuals to their entries; not weighted yet. */
  readonly commitmentLoss: Value
}

/**
 * Codes latent vectors [n, d] level by level. With residual `r_0 = z`, `r_{l+1} = r_l - sg(e_l)`:
 * codebook loss `sum_l mean |sg(r_l) - e_l|^2`, commitment loss `sum_l mean |r_l - sg(e_l)|^2`. Entries are left out of
 * the gradient of later residuals, so that each level's codebook follows its own residuals alone.
 */
export const quantizeLatent = (latent: Value, codebooks: readonly Value[]): ResidualQuantization => {
  const graph = latent.graph
  let residual = latent
  let sum = graph.filled([1, Number(latent.shape[1])], 0)
  let codebookLoss = graph.scalar(0)
  let commitmentLoss = graph.scalar(0)
  for (const entries of codebooks) {
    const chosen = gather(entries, nearestEntry(residual, entries))
    const fixed = stopGradient(chosen)
    codebookLoss = add(codebookLoss, meanSquare(sub(stopGradient(residual), chosen)))
    commitmentLoss = add(commitmentLoss, meanSquare(sub(residual, fixed)))
    residual = sub(residual, fixed)
    sum = add(sum, fixed)
  }
  return { quantized: straightThrough(latent, sum), codebookLoss, commitmentLoss }
}

/** Trains on `features` [batchSize, dimensions], scaled as the network takes them. */
export const rqVaeModel = (shape: RqVaeShape, batchSize: number): TrainingModel => {
  const levels = Array.from({ length: shape.levels }, (_, level) => level)
  const layout = parameterLayout([
    ...autoencoderParameters(shape),
    ...levels.map((level) => ({
      name: codebookName(level),
      shape: [shape.codebookSize, shape.latentDimensions],
      initial: 'zeros' as const,
      // Decay would pull entries off the residuals that they stand for.
      decay: false,
    })),
  ])
  return {
    layout,
    inputs: { features: { type: 'float32', shape: [batchSize, shape.dimensions] } },
    loss(parameters, { features }) {
      const latent = perceptron('encoder', shape, parameters, features)
      const { quantized, codebookLoss, commitmentLoss } = quantizeLatent(
        latent,
        levels.map((level) => parameters(codebookName(level))),
      )
      const reconstruction = meanSquare(sub(perceptron('decoder', shape, parameters, quantized), features))
      const loss = add(add(reconstruction, codebookLoss), scale(commitmentLoss, shape.commitment))
      return { loss, metrics: { reconstruction } }
    },
  }
}
