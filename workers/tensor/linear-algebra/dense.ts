// Dense linear algebra of the size that features need: tall matrices as lists of columns, small symmetric ones as
// squares. Sums run in one fixed order, so results do not depend on threads.

export type Columns = Float64Array[]

/** Four sums at once: the processor need not wait for one addition before it starts the next. */
export function dot(a: Float64Array, b: Float64Array): number {
  let first = 0
  let second = 0
  let third = 0
  let fourth = 0
  const unrolled = a.length & ~3
  for (let index = 0; index < unrolled; index += 4) {
    first += a[index] * b[index]
    second += a[index + 1] * b[index + 1]
    third += a[index + 2] * b[index + 2]
    fourth += a[index + 3] * b[index + 3]
  }
  for (let index = unrolled; index < a.length; index++) first += a[index] * b[index]
  return first + second + (third + fourth)
}

/** `target += sum_k weights[k] * columns[k]`, four columns in one pass over the target. */
export function addCombination(target: Float64Array, columns: readonly Float64Array[], weights: Float64Array): void {
  let column = 0
  for (; column + 4 <= columns.length; column += 4) {
    const [a, b, c, d] = columns.slice(column, column + 4)
    const [weightA, weightB, weightC, weightD] = weights.subarray(column, column + 4)
    for (let index = 0; index < target.length; index++) {
      target[index] += weightA * a[index] + weightB * b[index] + (weightC * c[index] + weightD * d[index])
    }
  }
  for (; column < columns.length; column++) {
    const source = columns[column]
    for (let index = 0; index < target.length; index++) target[index] += weights[column] * source[index]
  }
}

/**
 * Makes a column orthonormal to those before it, in place, by classical Gram-Schmidt, twice ("twice is enough", Giraud
 * et al. 2005). A column that depends on the ones before it becomes zero.
 */
export function orthonormalizeColumn(columns: Columns, current: number): void {
  const column = columns[current]
  const before = columns.slice(0, current)
  const norm = Math.sqrt(dot(column, column))
  for (let pass = 0; pass < 2; pass++) {
    const shares = Float64Array.from(before, (other) => -dot(column, other))
    addCombination(column, before, shares)
  }
  const remaining = Math.sqrt(dot(column, column))
  if (remaining <= norm * 1e-12) column.fill(0)
  else for (let index = 0; index < column.length; index++) column[index] /= remaining
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
  return Array.from({ length: count }, (_, target) => {
    const combination = new Float64Array(columns[0]?.length ?? 0)
    const shares = Float64Array.from(columns, (_column, index) => weights[index * stride + target])
    addCombination(combination, columns, shares)
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
