// Eigenvalues of a symmetric matrix: Householder reduction to three diagonals, then QL with implicit shifts
// (tred2 and tql2 of EISPACK, in the form of Golub and Van Loan, section 8.3).

export interface Eigen {
  /** Descending. */
  values: Float64Array
  /** [n, n] row-major, vectors in columns, in the order of the values. */
  vectors: Float64Array
}

interface Tridiagonal {
  readonly size: number
  readonly diagonal: Float64Array
  /** Entry i couples i - 1 and i; entry 0 is unused. */
  readonly offDiagonal: Float64Array
  /** Accumulated transformation, [n, n]. */
  readonly basis: Float64Array
}

export function symmetricEigen(matrix: Float64Array, size: number): Eigen {
  const reduced = tridiagonalize(matrix, size)
  diagonalize(reduced)
  const order = Array.from({ length: size }, (_, index) => index).sort(
    (a, b) => reduced.diagonal[b] - reduced.diagonal[a] || a - b,
  )
  const values = Float64Array.from(order, (index) => reduced.diagonal[index])
  const vectors = new Float64Array(size * size)
  for (let row = 0; row < size; row++) {
    order.forEach((source, target) => {
      vectors[row * size + target] = reduced.basis[row * size + source]
    })
  }
  return { values, vectors }
}

/** Reflectors H = I - 2 v vᵀ, applied from the first column on: each clears a column below its subdiagonal. */
function tridiagonalize(matrix: Float64Array, size: number): Tridiagonal {
  const work = matrix.slice()
  const basis = new Float64Array(size * size)
  for (let index = 0; index < size; index++) basis[index * size + index] = 1
  for (let column = 0; column < size - 2; column++) {
    const reflector = reflectorOf(work, size, column)
    if (reflector === undefined) continue
    reflectBothSides(work, size, column + 1, reflector)
    reflectRight(basis, size, column + 1, reflector)
  }
  return {
    size,
    diagonal: Float64Array.from({ length: size }, (_, index) => work[index * size + index]),
    offDiagonal: Float64Array.from({ length: size }, (_, index) => (index === 0 ? 0 : work[index * size + index - 1])),
    basis,
  }
}

/** The unit vector v that clears `column` below the subdiagonal; undefined when it is clear. */
function reflectorOf(work: Float64Array, size: number, column: number): Float64Array | undefined {
  const first = column + 1
  const reflector = new Float64Array(size - first)
  let below = 0
  for (let row = first; row < size; row++) {
    reflector[row - first] = work[row * size + column]
    if (row > first) below += reflector[row - first] ** 2
  }
  if (below === 0) return undefined
  const norm = Math.sqrt(below + reflector[0] ** 2)
  reflector[0] += reflector[0] >= 0 ? norm : -norm
  const scale = 1 / Math.sqrt(below + reflector[0] ** 2)
  for (let index = 0; index < reflector.length; index++) reflector[index] *= scale
  return reflector
}

/** `A - 2 v wᵀ - 2 w vᵀ` with w = A v - (vᵀ A v) v on the trailing block, and the border row and column. */
function reflectBothSides(work: Float64Array, size: number, first: number, reflector: Float64Array): void {
  const length = reflector.length
  const image = new Float64Array(length)
  let along = 0
  for (let row = 0; row < length; row++) {
    let sum = 0
    const start = (row + first) * size + first
    for (let column = 0; column < length; column++) sum += work[start + column] * reflector[column]
    image[row] = sum
    along += sum * reflector[row]
  }
  for (let row = 0; row < length; row++) image[row] -= along * reflector[row]
  for (let row = 0; row < length; row++) {
    const start = (row + first) * size + first
    for (let column = 0; column < length; column++) {
      work[start + column] -= 2 * (reflector[row] * image[column] + image[row] * reflector[column])
    }
  }
  const border = first - 1
  let product = 0
  for (let row = 0; row < length; row++) product += work[(row + first) * size + border] * reflector[row]
  for (let row = 0; row < length; row++) {
    const reflected = work[(row + first) * size + border] - 2 * product * reflector[row]
    work[(row + first) * size + border] = reflected
    work[border * size + row + first] = reflected
  }
}

function reflectRight(basis: Float64Array, size: number, first: number, reflector: Float64Array): void {
  for (let row = 0; row < size; row++) {
    const start = row * size + first
    let product = 0
    for (let column = 0; column < reflector.length; column++) product += basis[start + column] * reflector[column]
    for (let column = 0; column < reflector.length; column++) basis[start + column] -= 2 * product * reflector[column]
  }
}

const sweepLimit = 60

function diagonalize(matrix: Tridiagonal): void {
  const { size, diagonal, offDiagonal } = matrix
  offDiagonal.copyWithin(0, 1)
  if (size > 0) offDiagonal[size - 1] = 0
  for (let from = 0; from < size; from++) {
    for (let sweep = 0; ; sweep++) {
      const to = firstNegligible(matrix, from)
      if (to === from) break
      if (sweep === sweepLimit) throw new Error(`No convergence of eigenvalue ${from}: are the inputs finite?`)
      implicitStep(matrix, from, to)
    }
  }
  if (diagonal.some((value) => Number.isNaN(value)))
    throw new Error('Eigenvalues are not numbers: inputs must be finite')
}

/** Least m >= from whose coupling to m + 1 is lost in rounding. */
function firstNegligible({ size, diagonal, offDiagonal }: Tridiagonal, from: number): number {
  let at = from
  while (at < size - 1) {
    const scale = Math.abs(diagonal[at]) + Math.abs(diagonal[at + 1])
    if (Math.abs(offDiagonal[at]) <= Number.EPSILON * scale) break
    at++
  }
  return at
}

/** One QL step with Wilkinson's shift on the block from .. to. */
function implicitStep({ size, diagonal, offDiagonal, basis }: Tridiagonal, from: number, to: number): void {
  let g = (diagonal[from + 1] - diagonal[from]) / (2 * offDiagonal[from])
  let r = Math.hypot(g, 1)
  g = diagonal[to] - diagonal[from] + offDiagonal[from] / (g + (g >= 0 ? r : -r))
  let sine = 1
  let cosine = 1
  let p = 0
  for (let at = to - 1; at >= from; at--) {
    const f = sine * offDiagonal[at]
    const b = cosine * offDiagonal[at]
    r = Math.hypot(f, g)
    offDiagonal[at + 1] = r
    if (r === 0) {
      diagonal[at + 1] -= p
      offDiagonal[to] = 0
      return
    }
    sine = f / r
    cosine = g / r
    g = diagonal[at + 1] - p
    r = (diagonal[at] - g) * sine + 2 * cosine * b
    p = sine * r
    diagonal[at + 1] = g + p
    g = cosine * r - b
    rotateColumns(basis, size, at, sine, cosine)
  }
  diagonal[from] -= p
  offDiagonal[from] = g
  offDiagonal[to] = 0
}

function rotateColumns(basis: Float64Array, size: number, at: number, sine: number, cosine: number): void {
  for (let row = 0; row < size; row++) {
    const place = row * size + at
    const right = basis[place + 1]
    basis[place + 1] = sine * basis[place] + cosine * right
    basis[place] = cosine * basis[place] - sine * right
  }
}
