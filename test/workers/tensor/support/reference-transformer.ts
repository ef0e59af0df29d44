// The model of tiny-transformer.ts once more, in plain loops over doubles and without the graph's operators: the oracle
// of the whole training step. Gradients are central differences.

import type { ParameterLayout } from '../../../../workers/tensor/parameters.ts'
import type { TransformerSizes } from './tiny-transformer.ts'

export interface ReferenceBatch {
  readonly ids: readonly number[]
  readonly labels: readonly number[]
  readonly weights: readonly number[]
}

type Matrix = Float64Array[]
type Lookup = (name: string) => Float64Array

const affine = (rows: Matrix, weight: Float64Array, bias: Float64Array | undefined, columns: number): Matrix =>
  rows.map((row) =>
    Float64Array.from({ length: columns }, (_, column) => {
      let sum = bias === undefined ? 0 : bias[column]
      for (let index = 0; index < row.length; index++) sum += row[index] * weight[index * columns + column]
      return sum
    }),
  )

const normalised = (rows: Matrix, scale: Float64Array, bias: Float64Array): Matrix =>
  rows.map((row) => {
    const mean = row.reduce((sum, number) => sum + number, 0) / row.length
    const variance = row.reduce((sum, number) => sum + (number - mean) ** 2, 0) / row.length
    return row.map((number, index) => ((number - mean) / Math.sqrt(variance + 1e-5)) * scale[index] + bias[index])
  })

const probabilities = (scores: readonly number[]): number[] => {
  const greatest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - greatest))
  const whole = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / whole)
}

/** Causal attention of one sequence; `qkv` rows hold queries, keys and values of all heads in a row. */
const attended = (qkv: Matrix, width: number, heads: number): Matrix => {
  const size = width / heads
  return qkv.map((row, position) => {
    const output = new Float64Array(width)
    for (let head = 0; head < heads; head++) {
      const from = head * size
      const scores = qkv.slice(0, position + 1).map((other) => {
        let sum = 0
        for (let index = 0; index < size; index++) sum += row[from + index] * other[width + from + index]
        return sum / Math.sqrt(size)
      })
      for (const [other, share] of probabilities(scores).entries())
        for (let index = 0; index < size; index++) output[from + index] += share * qkv[other][2 * width + from + index]
    }
    return output
  })
}

const added = (a: Matrix, b: Matrix): Matrix =>
  a.map((row, index) => row.map((number, column) => number + b[index][column]))

const activated = (rows: Matrix): Matrix => rows.map((row) => row.map((x) => x / (1 + Math.exp(-1.702 * x))))

const layerOf = (rows: Matrix, p: Lookup, layer: number, { width, heads, inner }: TransformerSizes): Matrix => {
  const first = normalised(rows, p(`${layer}.norm1.scale`), p(`${layer}.norm1.bias`))
  const qkv = affine(first, p(`${layer}.qkv`), p(`${layer}.qkv.bias`), 3 * width)
  const mixed = affine(attended(qkv, width, heads), p(`${layer}.out`), p(`${layer}.out.bias`), width)
  const middle = added(rows, mixed)
  const second = normalised(middle, p(`${layer}.norm2.scale`), p(`${layer}.norm2.bias`))
  const hidden = activated(affine(second, p(`${layer}.up`), p(`${layer}.up.bias`), inner))
  return added(middle, affine(hidden, p(`${layer}.down`), p(`${layer}.down.bias`), width))
}

export const referenceLoss = (
  flat: Float64Array,
  layout: ParameterLayout,
  sizes: TransformerSizes,
  { ids, labels, weights }: ReferenceBatch,
): number => {
  const views = new Map(layout.parameters.map(({ name, offset, size }) => [name, flat.subarray(offset, offset + size)]))
  const p: Lookup = (name) => views.get(name) ?? new Float64Array()
  const { width, length, vocabulary } = sizes
  let sum = 0
  for (let sequence = 0; sequence < sizes.batch; sequence++) {
    let rows: Matrix = Array.from({ length }, (_, position) => {
      const id = ids[sequence * length + position]
      return Float64Array.from(
        { length: width },
        (_, index) => p('tokens')[id * width + index] + p('positions')[position * width + index],
      )
    })
    for (let layer = 0; layer < sizes.layers; layer++) rows = layerOf(rows, p, layer, sizes)
    const logits = affine(rows, p('head'), undefined, vocabulary)
    for (let position = 0; position < length; position++) {
      const at = sequence * length + position
      sum -= weights[at] * Math.log(probabilities([...logits[position]])[labels[at]])
    }
  }
  return sum / weights.reduce((whole, weight) => whole + weight, 0)
}

export const referenceGradient = (flat: Float64Array, loss: (flat: Float64Array) => number): Float64Array => {
  const step = 1e-5
  const moved = flat.slice()
  return flat.map((original, index) => {
    moved[index] = original + step
    const above = loss(moved)
    moved[index] = original - step
    const below = loss(moved)
    moved[index] = original
    return (above - below) / (2 * step)
  })
}

export interface ReferenceAdamW {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly clipNorm: number
}

/** AdamW as its paper writes it, in place; `t` counts from 1. Returns the norm of the gradient before clipping. */
export const referenceUpdate = (
  state: { p: Float64Array; m: Float64Array; v: Float64Array },
  gradient: Float64Array,
  decays: readonly boolean[],
  { beta1, beta2, epsilon, weightDecay, clipNorm }: ReferenceAdamW,
  learningRate: number,
  t: number,
): number => {
  const norm = Math.sqrt(gradient.reduce((sum, number) => sum + number * number, 0))
  const clip = norm > clipNorm ? clipNorm / norm : 1
  for (let index = 0; index < gradient.length; index++) {
    const g = gradient[index] * clip
    state.m[index] = beta1 * state.m[index] + (1 - beta1) * g
    state.v[index] = beta2 * state.v[index] + (1 - beta2) * g * g
    const first = state.m[index] / (1 - beta1 ** t)
    const second = state.v[index] / (1 - beta2 ** t)
    const decay = decays[index] ? weightDecay * state.p[index] : 0
    state.p[index] -= learningRate * (first / (Math.sqrt(second) + epsilon) + decay)
  }
  return norm
}
