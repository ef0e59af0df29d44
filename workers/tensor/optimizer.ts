// AdamW (Loshchilov and Hutter, arXiv 1711.05101) with clipping by the global norm, as nodes on flat vectors.

import { expand, reduceSum } from './broadcasting.ts'
import { add, div, maximum, mul, scale, sqrt, sub } from './elementwise.ts'
import type { Value } from './graph.ts'
import { concat } from './layout.ts'
import type { ParameterLayout } from './parameters.ts'

export interface AdamW {
  readonly betas: readonly [number, number]
  readonly epsilon: number
  /** Decoupled; of the parameters that the layout marks. */
  readonly weightDecay: number
  /** Greatest Euclidean norm of the whole gradient; absent: no clipping. */
  readonly clipNorm?: number
}

export const adamWDefaults: AdamW = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 }

/** Values of one update: three flat vectors, the gradient and the scalars of `StepScalars`. */
export interface UpdateInputs {
  readonly parameters: Value
  readonly firstMoment: Value
  readonly secondMoment: Value
  readonly gradient: Value
  readonly learningRate: Value
  readonly firstCorrection: Value
  readonly secondCorrection: Value
}

export interface UpdateOutputs {
  readonly parameters: Value
  readonly firstMoment: Value
  readonly secondMoment: Value
  /** Euclidean norm of the gradient before clipping. */
  readonly gradientNorm: Value
}

/** 1 where decay applies and 0 elsewhere, made of runs that ONNX Runtime folds when the session is created. */
const decayMask = (flat: Value, layout: ParameterLayout, trained: (name: string) => boolean): Value => {
  const runs: { decay: number; size: number }[] = []
  for (const { name, decay, size } of layout.parameters) {
    const flag = Number(decay && trained(name))
    const last = runs[runs.length - 1]
    if (last?.decay === flag) last.size += size
    else runs.push({ decay: flag, size })
  }
  const pieces = runs.map(({ decay, size }) => expand(flat.graph.constant('float32', [1], [decay]), [size]))
  return concat(pieces, 0)
}

/** Emits one AdamW update. What `trained` excludes must have a gradient of zero and is then left as it is. */
export const adamW = (
  inputs: UpdateInputs,
  layout: ParameterLayout,
  { betas, epsilon, weightDecay, clipNorm }: AdamW,
  trained: (name: string) => boolean = () => true,
): UpdateOutputs => {
  const { gradient, learningRate, parameters } = inputs
  const squares = mul(gradient, gradient)
  const gradientNorm = sqrt(reduceSum(squares))
  // The clipping factor joins the scalars, so that it costs no pass over the vector.
  const clip = clipNorm === undefined ? gradient.graph.scalar(1) : div(clipNorm, maximum(gradientNorm, clipNorm))
  const firstMoment = add(scale(inputs.firstMoment, betas[0]), mul(gradient, scale(clip, 1 - betas[0])))
  const secondMoment = add(scale(inputs.secondMoment, betas[1]), mul(squares, scale(mul(clip, clip), 1 - betas[1])))
  const deviation = add(sqrt(mul(secondMoment, inputs.secondCorrection)), epsilon)
  const change = mul(div(firstMoment, deviation), mul(learningRate, inputs.firstCorrection))
  const kept =
    weightDecay === 0
      ? parameters
      : mul(parameters, sub(1, mul(decayMask(parameters, layout, trained), scale(learningRate, weightDecay))))
  return { parameters: sub(kept, change), firstMoment, secondMoment, gradientNorm }
}
