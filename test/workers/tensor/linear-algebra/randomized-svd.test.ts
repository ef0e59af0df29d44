import { describe, expect, test } from 'vitest'
import { dot, gram } from '../../../../workers/tensor/linear-algebra/dense.ts'
import { randomizedSvd } from '../../../../workers/tensor/linear-algebra/randomized-svd.ts'
import {
  multiply,
  multiplyTransposed,
  type SparseMatrix,
  SparseMatrixBuilder,
  transpose,
} from '../../../../workers/tensor/linear-algebra/sparse-matrix.ts'
import { symmetricEigen } from '../../../../workers/tensor/linear-algebra/symmetric-eigen.ts'
import { Random } from '../../../../workers/tensor/random.ts'

function randomSparse(rows: number, columns: number, share: number): SparseMatrix {
  const random = new Random('sparse', rows, columns)
  const builder = new SparseMatrixBuilder(columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) if (random.uniform() < share) builder.add(column, random.normal())
    builder.endRow()
  }
  return builder.build()
}

const denseColumns = (matrix: SparseMatrix): Float64Array[] =>
  Array.from({ length: matrix.columns }, (_, column) => {
    const unit = new Float64Array(matrix.columns)
    unit[column] = 1
    return multiply(matrix, unit)
  })

describe('sparse matrices', () => {
  const matrix = randomSparse(30, 20, 0.2)

  test('products with a vector and its transpose agree: y·(A x) = (Aᵀ y)·x', () => {
    const random = new Random('vectors')
    const x = Float64Array.from({ length: 20 }, () => random.normal())
    const y = Float64Array.from({ length: 30 }, () => random.normal())
    expect(dot(y, multiply(matrix, x))).toBeCloseTo(dot(multiplyTransposed(matrix, y), x), 12)
    expect([...multiply(transpose(matrix), y)]).toEqual([...multiplyTransposed(matrix, y)])
  })

  test('transposed twice is the same', () => {
    expect(transpose(transpose(matrix))).toEqual(matrix)
  })
})

describe('randomized SVD', () => {
  const matrix = randomSparse(60, 25, 0.3)
  const exact = symmetricEigen(gram(denseColumns(matrix)), 25).values.map(Math.sqrt)

  test('leading singular values are those of the exact decomposition', async () => {
    const { singularValues } = await randomizedSvd(matrix, 8, { random: new Random(1), powerIterations: 12 })
    singularValues.forEach((value, index) => {
      expect(value).toBeCloseTo(exact[index], 6)
    })
  })

  test('left and right vectors belong together, orthonormal and of one sign', async () => {
    const { singularValues, left, right } = await randomizedSvd(matrix, 5, {
      random: new Random(2),
      powerIterations: 25,
    })
    for (let index = 0; index < 5; index++) {
      const image = multiply(matrix, right[index])
      left[index].forEach((value, row) => {
        expect(image[row]).toBeCloseTo(singularValues[index] * value, 5)
      })
      for (let other = 0; other <= index; other++) {
        expect(dot(left[index], left[other])).toBeCloseTo(index === other ? 1 : 0, 8)
      }
      const largest = left[index].reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
      expect(largest).toBeGreaterThan(0)
    }
  })

  test('rank beyond that of the matrix gives zeros, beyond its size nothing', async () => {
    const builder = new SparseMatrixBuilder(4)
    for (let row = 0; row < 6; row++) {
      builder.add(0, row + 1)
      builder.add(3, 2 * (row + 1))
      builder.endRow()
    }
    const { singularValues, left, right } = await randomizedSvd(builder.build(), 10, { random: new Random(3) })
    expect(singularValues[0]).toBeCloseTo(Math.sqrt(91 * 5), 5)
    expect([...singularValues.subarray(1)]).toEqual([0, 0, 0])
    expect(
      left
        .slice(1)
        .concat(right.slice(1))
        .flatMap((column) => [...column]),
    ).toEqual(new Array(30).fill(0))
  })

  test('an empty matrix has no singular values', async () => {
    const { singularValues, left } = await randomizedSvd(new SparseMatrixBuilder(3).build(), 2, {
      random: new Random(1),
    })
    expect([singularValues.length, left.length]).toEqual([0, 0])
  })

  test('ticks can end the work', async () => {
    const stop = new Error('stop')
    const tick = () => Promise.reject(stop)
    await expect(randomizedSvd(matrix, 5, { random: new Random(1), tick })).rejects.toBe(stop)
  })
})
