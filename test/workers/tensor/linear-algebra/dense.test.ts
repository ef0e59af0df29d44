import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  combine,
  gram,
  orthonormalizeColumn,
  solvePositiveDefinite,
} from '../../../../workers/tensor/linear-algebra/dense.ts'
import { symmetricEigen } from '../../../../workers/tensor/linear-algebra/symmetric-eigen.ts'
import { normals } from '../../tokenizer/support.ts'

const columnsOf = (rows: number, count: number, label: string) =>
  Array.from({ length: count }, (_, column) => Float64Array.from(normals(rows, label, column)))

test('columns become orthonormal, also when they are nearly parallel', () => {
  const columns = columnsOf(40, 6, 'columns')
  columns[1] = columns[0].map((value, index) => value + 1e-7 * columns[1][index])
  for (let column = 0; column < columns.length; column++) orthonormalizeColumn(columns, column)
  const products = gram(columns)
  for (let row = 0; row < 6; row++) {
    for (let column = 0; column < 6; column++)
      expect(products[row * 6 + column]).toBeCloseTo(row === column ? 1 : 0, 12)
  }
})

test('a dependent column becomes zero', () => {
  const columns = columnsOf(9, 2, 'dependent')
  columns.push(columns[0].map((value, index) => 2 * value - 3 * columns[1][index]))
  for (let column = 0; column < 3; column++) orthonormalizeColumn(columns, column)
  expect([...columns[2]]).toEqual(new Array(9).fill(0))
})

test('columns are combined by weights', () => {
  const columns = [1, 10, 100, 1000, 10_000].map((value) => Float64Array.of(value, -value))
  const weights = Float64Array.of(1, 0, 2, 1, 3, 0, 4, 1, 5, 0)
  const [first, second] = combine(columns, weights, 2, 2)
  expect([...first]).toEqual([54_321, -54_321])
  expect([...second]).toEqual([1010, -1010])
})

test('a positive definite system is solved', () => {
  const matrix = Float64Array.of(4, 2, 2, 3)
  const right = Float64Array.of(8, 4, 7, 0)
  solvePositiveDefinite(matrix, 2, right, 2)
  // Inverse is [3 -2; -2 4] / 8.
  expect([...right]).toEqual([(24 - 14) / 8, 12 / 8, (-16 + 28) / 8, -8 / 8].map((value) => expect.closeTo(value, 12)))
  expect(() => solvePositiveDefinite(Float64Array.of(1, 2, 2, 1), 2, Float64Array.of(1, 1), 1)).toThrow(/definite/)
})

describe('eigenvalues', () => {
  test('of a path graph are 2 cos(k pi / (n + 1))', () => {
    const size = 7
    const matrix = new Float64Array(size * size)
    for (let index = 1; index < size; index++) {
      matrix[index * size + index - 1] = 1
      matrix[(index - 1) * size + index] = 1
    }
    const { values } = symmetricEigen(matrix, size)
    values.forEach((value, index) => {
      expect(value).toBeCloseTo(2 * Math.cos(((index + 1) * Math.PI) / (size + 1)), 12)
    })
  })

  test('of a matrix with equal ones, of a diagonal one, of a single number and of nothing', () => {
    expect([...symmetricEigen(Float64Array.of(2, 1, 1, 1, 2, 1, 1, 1, 2), 3).values]).toEqual(
      [4, 1, 1].map((value) => expect.closeTo(value, 12)),
    )
    expect([...symmetricEigen(Float64Array.of(1, 0, 0, 5), 2).values]).toEqual([5, 1])
    expect([...symmetricEigen(Float64Array.of(-3), 1).values]).toEqual([-3])
    expect(symmetricEigen(new Float64Array(0), 0).values).toHaveLength(0)
  })

  test('and vectors put the matrix together again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 24 }), fc.integer(), (size, seed) => {
        const columns = columnsOf(size, size, `eigen ${seed}`)
        const matrix = gram(columns)
        const { values, vectors } = symmetricEigen(matrix, size)
        const scale = Math.max(1, values[0])
        for (let row = 0; row < size; row++) {
          for (let column = 0; column < size; column++) {
            let sum = 0
            for (let k = 0; k < size; k++) sum += vectors[row * size + k] * values[k] * vectors[column * size + k]
            expect(Math.abs(sum - matrix[row * size + column])).toBeLessThan(1e-10 * scale)
          }
        }
      }),
      { numRuns: 30 },
    )
  })
})
