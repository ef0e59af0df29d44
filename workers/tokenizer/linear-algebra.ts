// Dense linear algebra of the size that features need: tall matrices as lists of columns, small symmetric ones as
// squares. Sums run in one fixed order, so results do not depend on threads.

export type Columns = Float64Array[]

export function dot(a: Float64Array, b: Float64Array): number {
  let even = 0
  let odd = 0
  const paired = a.length & ~1
  for (let index = 0; index < paired; index += 2) {
    even += a[index] * b[index]
    odd += a[index + 1] * b[index + 1]
  }
  return paired < a.length ? even + odd + a[paired] * b[paired] : even + odd
}

/** `target += factor * source`. */
export function addScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let index = 0; index < target.length; index++) target[index] += factor * source[index]
}

/**
 * Makes the columns orthonormal in place by Gram-Schmidt, twice per column ("twice is enough", Giraud et al. 2005).
 * A column that depends on the ones before it becomes zero.
 */
export function orthonormalize(columns: Columns): void {
  for (let current = 0; current < columns.length; current++) {
    const column = columns[current]
    const before = Math.sqrt(dot(column, column))
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < current; other++) {
        addScaled(column, columns[other], -dot(column, columns[other]))
      }
    }
    const norm = Math.sqrt(dot(column, column))
    const factor = norm > before * 1e-12 ? 1 / norm : 0
    for (let index = 0; index < column.length; index++) column[index] *= factor
  }
}

/** All inner products of the columns, [n, n] row-major. */
export function gram(columns: Columns): Float64Array {
  const size = columns.length
  const products = new Float64Array(size * size)
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      const product = dot(columns[row], columns[column])
      products[row * size + column] = product
      products[column * size + row] = product
    }
  }
  return products
}

/** The combinations `sum_k columns[k] * weights[k, j]` for j below `count`; weights is [n, stride] row-major. */
export function combine(columns: Columns, weights: Float64Array, stride: number, count: number): Columns {
  const length = columns[0]?.length ?? 0
  return Array.from({ length: count }, (_, target) => {
    const combination = new Float64Array(length)
    columns.forEach((column, index) => {
      addScaled(combination, column, weights[index * stride + target])
    })
    return combination
  })
}

/**
 * Solves `matrix * X = right` for a symmetric positive definite matrix [n, n] by Cholesky, in place: `right` [n, k]
 * becomes X.
 */
export function solvePositiveDefinite(matrix: Float64Array, size: number, right: Float64Array, width: number): void {
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let sum = matrix[row * size + column]
      for (let k = 0; k < column; k++) sum -= matrix[row * size + k] * matrix[column * size + k]
      if (row > column) matrix[row * size + column] = sum / matrix[column * size + column]
      else if (sum > 0) matrix[row * size + column] = Math.sqrt(sum)
      else throw new Error(`The matrix is not positive definite (pivot ${column} is ${sum}); raise the ridge`)
    }
  }
  const eliminate = (row: number, other: number, factor: number): void => {
    for (let k = 0; k < width; k++) right[row * width + k] -= factor * right[other * width + k]
  }
  const divide = (row: number): void => {
    for (let k = 0; k < width; k++) right[row * width + k] /= matrix[row * size + row]
  }
  for (let row = 0; row < size; row++) {
    for (let other = 0; other < row; other++) eliminate(row, other, matrix[row * size + other])
    divide(row)
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let other = row + 1; other < size; other++) eliminate(row, other, matrix[other * size + row])
    divide(row)
  }
}
