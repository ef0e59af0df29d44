import { solvePositiveDefinite } from '../tensor/linear-algebra/dense.ts'

/** A linear map with intercept. */
export interface RidgeMap {
  readonly inputs: number
  readonly outputs: number
  /** [inputs + 1, outputs]; the last row is the intercept. */
  readonly weights: Float32Array
}

interface Matrix {
  readonly dimensions: number
  readonly data: Float32Array
}

/** Penalty, as a share of the mean square of an input column. */
const penalty = 0.1

/**
 * Least squares with a penalty from the rows of `inputs` to those of `targets`, over the rows that are known.
 * Undefined without inputs or known rows: there is nothing to learn from.
 */
export function solveRidge(inputs: Matrix, targets: Matrix, known: Uint8Array): RidgeMap | undefined {
  if (inputs.dimensions === 0 || targets.dimensions === 0 || !known.includes(1)) return undefined
  const size = inputs.dimensions + 1
  const width = targets.dimensions
  const moments = new Float64Array(size * size)
  const right = new Float64Array(size * width)
  const row = new Float64Array(size)
  for (let item = 0; item < known.length; item++) {
    if (known[item] === 0) continue
    row.set(inputs.data.subarray(item * inputs.dimensions, (item + 1) * inputs.dimensions))
    row[size - 1] = 1
    const target = targets.data.subarray(item * width, (item + 1) * width)
    for (let a = 0; a < size; a++) {
      for (let b = 0; b <= a; b++) moments[a * size + b] += row[a] * row[b]
      for (let b = 0; b < width; b++) right[a * width + b] += row[a] * target[b]
    }
  }
  let trace = 0
  for (let a = 0; a < size - 1; a++) trace += moments[a * size + a]
  if (trace === 0) return undefined
  for (let a = 0; a < size - 1; a++) moments[a * size + a] += (penalty * trace) / (size - 1)
  solvePositiveDefinite(moments, size, right, width)
  return { inputs: inputs.dimensions, outputs: width, weights: Float32Array.from(right) }
}

/** Expected targets [rows, outputs] of inputs [rows, inputs]. */
export function applyRidge({ inputs, outputs, weights }: RidgeMap, data: Float32Array): Float32Array {
  const rows = data.length / inputs
  const expected = new Float32Array(rows * outputs)
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      let sum = weights[inputs * outputs + output]
      for (let input = 0; input < inputs; input++) sum += data[row * inputs + input] * weights[input * outputs + output]
      expected[row * outputs + output] = sum
    }
  }
  return expected
}
