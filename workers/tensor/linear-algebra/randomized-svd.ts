import type { Random } from '../random.ts'
import { type Columns, combine, gram, orthonormalizeColumn } from './dense.ts'
import { multiply, multiplyTransposed, type SparseMatrix } from './sparse-matrix.ts'
import { symmetricEigen } from './symmetric-eigen.ts'

export interface TruncatedSvd {
  /** Descending; as many as asked for, or fewer where the matrix is smaller. */
  singularValues: Float64Array
  /** One column a singular value: [rows] and [columns] long. Zero where the singular value vanishes. */
  left: Columns
  right: Columns
}

export interface SvdOptions {
  readonly random: Random
  /** Columns sampled beyond the rank. */
  readonly oversampling?: number
  /** Multiplications by A Aᵀ; each sharpens the spectrum. */
  readonly powerIterations?: number
  /** Called between pieces of work; what it throws ends the work. */
  readonly tick?: Tick | undefined
}

export type Tick = () => Promise<void>

/**
 * The leading singular triples of a sparse matrix, by a random range finder with power iterations (Halko, Martinsson and
 * Tropp 2011, algorithms 4.4 and 5.1; the small factor through the eigenvalues of its Gram matrix).
 */
export async function randomizedSvd(matrix: SparseMatrix, rank: number, options: SvdOptions): Promise<TruncatedSvd> {
  const { random, oversampling = 10, powerIterations = 4, tick = async () => {} } = options
  const kept = Math.min(rank, matrix.rows, matrix.columns)
  const sampled = Math.min(kept + oversampling, matrix.rows, matrix.columns)
  const range: Columns = Array.from({ length: sampled }, () =>
    multiply(
      matrix,
      Float64Array.from({ length: matrix.columns }, () => random.normal()),
    ),
  )
  for (let iteration = 0; iteration <= powerIterations; iteration++) {
    for (let current = 0; current < sampled; current++) {
      if (iteration > 0) range[current] = multiply(matrix, multiplyTransposed(matrix, range[current]))
      orthonormalizeColumn(range, current)
      await tick()
    }
  }
  const projected = range.map((column) => multiplyTransposed(matrix, column))
  const { values, vectors } = symmetricEigen(gram(projected), sampled)
  const singularValues = Float64Array.from(values.subarray(0, kept), (value) => Math.sqrt(Math.max(0, value)))
  const left = combine(range, vectors, sampled, kept)
  const right = combine(projected, vectors, sampled, kept)
  // Below this a singular value is rounding: squaring in the Gram matrix halves the digits.
  const negligible = (singularValues[0] ?? 0) * 1e-7
  singularValues.forEach((value, index) => {
    if (value > negligible) normalizeTriple(left[index], right[index], value)
    else {
      singularValues[index] = 0
      left[index].fill(0)
      right[index].fill(0)
    }
  })
  return { singularValues, left, right }
}

/** Divides the right vector by its singular value, and turns both so that the largest entry on the left is positive. */
function normalizeTriple(left: Float64Array, right: Float64Array, singularValue: number): void {
  let largest = 0
  for (const entry of left) if (Math.abs(entry) > Math.abs(largest)) largest = entry
  const sign = largest < 0 ? -1 : 1
  for (let index = 0; index < left.length; index++) left[index] *= sign
  for (let index = 0; index < right.length; index++) right[index] *= sign / singularValue
}
