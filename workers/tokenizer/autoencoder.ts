// The network of an RQ-VAE: an encoder from features to latent vectors, and its mirror image back. That of RQ-k-means+
// only moves what it is given.

import { add, relu } from '../tensor/elementwise.ts'
import type { Value } from '../tensor/graph.ts'
import { linear } from '../tensor/linear.ts'
import { type ParameterLayout, type ParameterSpec, type Parameters, parameterLayout } from '../tensor/parameters.ts'
import type { InputScale } from './input-scale.ts'

export interface AutoencoderShape {
  /** Of the features. */
  readonly dimensions: number
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. */
  readonly hidden: readonly number[]
  readonly latentDimensions: number
  /**
   * Whether either half adds its input to what it makes, and starts by making nothing: latent vectors start as the
   * features, of whose dimensions they must be. The encoder: GPR (arXiv 2511.10138); the decoder: [ours].
   */
  readonly residual?: boolean | undefined
}

/** A learned network with what its inputs are scaled by. */
export interface Autoencoder extends AutoencoderShape {
  readonly scale: InputScale
  /** In the order of `autoencoderLayout`: the encoder first. */
  readonly weights: Float32Array
}

type Part = 'encoder' | 'decoder'

/** Widths from input to output. */
const widthsOf = ({ dimensions, hidden, latentDimensions }: AutoencoderShape, part: Part): number[] => {
  const widths = [dimensions, ...hidden, latentDimensions]
  return part === 'encoder' ? widths : widths.reverse()
}

export const autoencoderParameters = (shape: AutoencoderShape): ParameterSpec[] =>
  (['encoder', 'decoder'] as const).flatMap((part) => {
    const widths = widthsOf(shape, part)
    const last = widths.length - 2
    return widths.slice(1).flatMap((width, layer): ParameterSpec[] => [
      {
        name: `${part}.${layer}.weight`,
        shape: [widths[layer], width],
        initial: shape.residual && layer === last ? 'zeros' : 'xavier',
      },
      { name: `${part}.${layer}.bias`, shape: [width], initial: 'zeros' },
    ])
  })

export const autoencoderLayout = (shape: AutoencoderShape): ParameterLayout =>
  parameterLayout(autoencoderParameters(shape))

/**
 * One half: a multilayer perceptron from [n, dimensions] to [n, latentDimensions], or back. ReLU between layers, none at
 * the end.
 */
export const perceptron = (part: Part, shape: AutoencoderShape, parameters: Parameters, input: Value): Value => {
  const layers = widthsOf(shape, part).length - 1
  let output = input
  for (let layer = 0; layer < layers; layer++) {
    const sums = linear(output, parameters(`${part}.${layer}.weight`), parameters(`${part}.${layer}.bias`))
    output = layer < layers - 1 ? relu(sums) : sums
  }
  return shape.residual ? add(input, output) : output
}
