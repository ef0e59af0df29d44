import { randomizedSvd, type Tick } from '../tensor/linear-algebra/randomized-svd.ts'
import { type SparseMatrix, SparseMatrixBuilder, transpose } from '../tensor/linear-algebra/sparse-matrix.ts'
import type { Random } from '../tensor/random.ts'
import type { TrainingSequences } from './co-occurrence.ts'
import { coOccurrence } from './co-occurrence.ts'

export interface CollaborativeOptions {
  readonly dimensions: number
  readonly window: number
}

export interface CollaborativeFeatures {
  readonly dimensions: number
  /** [items, dimensions], rows of unit length; zero for items that were taken together with nothing. */
  readonly data: Float32Array
  /** Whether an item has factors of its own. */
  readonly known: Uint8Array
}

/**
 * Factors of what is taken together in the training parts: positive pointwise mutual information of decayed
 * co-occurrence, factored by a randomized SVD into U sqrt(S) (Levy and Goldberg 2014).
 */
export async function collaborativeFeatures(
  sequences: TrainingSequences,
  options: CollaborativeOptions,
  random: Random,
  tick?: Tick,
): Promise<CollaborativeFeatures> {
  const { itemCount } = sequences
  const counts = coOccurrence(sequences, { window: options.window, decay: 0.8, backward: 1 })
  const information = positiveInformation(counts)
  const { singularValues, left } = await randomizedSvd(information, options.dimensions, { random, tick })
  const dimensions = left.length
  const data = new Float32Array(itemCount * dimensions)
  const known = new Uint8Array(itemCount)
  for (let item = 0; item < itemCount; item++) {
    const factors = left.map((column, index) => column[item] * Math.sqrt(singularValues[index]))
    const norm = Math.hypot(...factors)
    if (norm === 0) continue
    known[item] = 1
    for (let index = 0; index < dimensions; index++) data[item * dimensions + index] = factors[index] / norm
  }
  return { dimensions, data, known }
}

/** Context distribution smoothing: rare items do not get extreme information (Levy, Goldberg and Dagan 2015). */
const smoothing = 0.75

/** `max(0, ln(C_ij * T / (row_i * column_j)))` with smoothed column sums, made symmetric. */
function positiveInformation(counts: SparseMatrix): SparseMatrix {
  const { rows, offsets, indices, values } = counts
  const sums = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) sums[row] += values[entry]
  }
  const smoothed = sums.map((sum) => sum ** smoothing)
  const total = smoothed.reduce((sum, value) => sum + value, 0)
  const builder = new SparseMatrixBuilder(rows)
  for (let row = 0; row < rows; row++) {
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) {
      const column = indices[entry]
      const information = Math.log((values[entry] * total) / (sums[row] * smoothed[column]))
      if (information > 0) builder.add(column, information)
    }
    builder.endRow()
  }
  return meanWithTranspose(builder.build())
}

function meanWithTranspose(matrix: SparseMatrix): SparseMatrix {
  const mirrored = transpose(matrix)
  const row = new Float64Array(matrix.columns)
  const builder = new SparseMatrixBuilder(matrix.columns)
  for (let index = 0; index < matrix.rows; index++) {
    const touched = new Set<number>()
    for (const { offsets, indices, values } of [matrix, mirrored]) {
      for (let entry = offsets[index]; entry < offsets[index + 1]; entry++) {
        touched.add(indices[entry])
        row[indices[entry]] += values[entry] / 2
      }
    }
    for (const column of [...touched].sort((a, b) => a - b)) {
      builder.add(column, row[column])
      row[column] = 0
    }
    builder.endRow()
  }
  return builder.build()
}
