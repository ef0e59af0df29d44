// Sparse matrices in compressed rows, and their products with dense vectors.

export interface SparseMatrix {
  readonly rows: number
  readonly columns: number
  /** Row r has its entries at offsets[r] .. offsets[r + 1]. */
  readonly offsets: Uint32Array
  readonly indices: Uint32Array
  readonly values: Float32Array
}

/** Collects rows one by one. */
export class SparseMatrixBuilder {
  readonly #columns: number
  readonly #offsets: number[] = [0]
  #indices = new Uint32Array(1024)
  #values = new Float32Array(1024)
  #length = 0

  constructor(columns: number) {
    this.#columns = columns
  }

  add(column: number, value: number): void {
    if (this.#length === this.#indices.length) this.#grow()
    this.#indices[this.#length] = column
    this.#values[this.#length] = value
    this.#length++
  }

  endRow(): void {
    this.#offsets.push(this.#length)
  }

  build(): SparseMatrix {
    return {
      rows: this.#offsets.length - 1,
      columns: this.#columns,
      offsets: Uint32Array.from(this.#offsets),
      indices: this.#indices.slice(0, this.#length),
      values: this.#values.slice(0, this.#length),
    }
  }

  #grow(): void {
    const indices = new Uint32Array(this.#length * 2)
    const values = new Float32Array(this.#length * 2)
    indices.set(this.#indices)
    values.set(this.#values)
    this.#indices = indices
    this.#values = values
  }
}

/** `matrix * vector`. */
export function multiply(matrix: SparseMatrix, vector: Float64Array): Float64Array {
  const { rows, offsets, indices, values } = matrix
  const product = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    let sum = 0
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) sum += values[entry] * vector[indices[entry]]
    product[row] = sum
  }
  return product
}

/** `matrixᵀ * vector`. */
export function multiplyTransposed(matrix: SparseMatrix, vector: Float64Array): Float64Array {
  const { rows, columns, offsets, indices, values } = matrix
  const product = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    const factor = vector[row]
    if (factor === 0) continue
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) product[indices[entry]] += values[entry] * factor
  }
  return product
}

/** Rows become columns; within a row, columns ascend. */
export function transpose(matrix: SparseMatrix): SparseMatrix {
  const { rows, columns, offsets, indices, values } = matrix
  const starts = new Uint32Array(columns + 1)
  for (const column of indices) starts[column + 1]++
  for (let column = 0; column < columns; column++) starts[column + 1] += starts[column]
  const next = starts.slice()
  const transposed = {
    rows: columns,
    columns: rows,
    offsets: starts,
    indices: new Uint32Array(indices.length),
    values: new Float32Array(values.length),
  }
  for (let row = 0; row < rows; row++) {
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) {
      const place = next[indices[entry]]++
      transposed.indices[place] = row
      transposed.values[place] = values[entry]
    }
  }
  return transposed
}
