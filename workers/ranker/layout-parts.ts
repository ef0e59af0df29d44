// Parameters of the parts that all rankers are made of: norms, projections, attention and feed-forwards.

import type { ParameterSpec } from '../tensor/parameters.ts'

/** The whole name of a part of something. */
export type Named = (part: string) => string

export const part =
  (name: Named, prefix: string): Named =>
  (inner) =>
    name(`${prefix}.${inner}`)

/** Of learned vectors; small enough that tied output logits start near zero, as in GPT-2. */
export const deviation = { normal: 0.02 } as const

export const norm = (name: Named, size: number): ParameterSpec[] => [
  { name: name('scale'), shape: [size], initial: 'ones' },
  { name: name('bias'), shape: [size], initial: 'zeros' },
]

export const projection = (name: Named, input: number, output: number): ParameterSpec[] => [
  { name: name('weight'), shape: [input, output], initial: 'xavier' },
  { name: name('bias'), shape: [output], initial: 'zeros' },
]

/** `count` projections side by side, for a product of batches. */
export const stackedProjection = (name: Named, count: number, input: number, output: number): ParameterSpec[] => [
  { name: name('weight'), shape: [count, input, output], initial: 'xavier' },
  { name: name('bias'), shape: [count, 1, output], initial: 'zeros', decay: false },
]

export const selfAttention = (name: Named, size: number): ParameterSpec[] => [
  ...norm(part(name, 'norm'), size),
  ...projection(part(name, 'input'), size, 3 * size),
  ...projection(part(name, 'output'), size, size),
]

export const crossAttention = (name: Named, size: number): ParameterSpec[] => [
  ...norm(part(name, 'norm'), size),
  ...projection(part(name, 'query'), size, size),
  ...projection(part(name, 'memory'), size, 2 * size),
  ...projection(part(name, 'output'), size, size),
]

export const feedForward = (name: Named, size: number, inner: number): ParameterSpec[] => [
  ...norm(part(name, 'norm'), size),
  ...projection(part(name, 'inner'), size, inner),
  ...projection(part(name, 'outer'), inner, size),
]

/** Vectors of the codes of each level. */
export const codeVectors = (
  name: (level: number) => string,
  codebookSizes: readonly number[],
  size: number,
): ParameterSpec[] =>
  codebookSizes.map((codes, level) => ({ name: name(level), shape: [codes, size], initial: deviation }))
