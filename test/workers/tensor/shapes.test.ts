import { describe, expect, test } from 'vitest'
import { axisOf, broadcast, product, quotient, repeatedAxes, sizeOf } from '../../../workers/tensor/shapes.ts'

describe('symbolic dimensions', () => {
  test('products and quotients keep the symbol', () => {
    expect(product(['B', 4, 50])).toBe('200*B')
    expect(product(['2*B', 3])).toBe('6*B')
    expect(product(['B', 'A'])).toBe('A*B')
    expect(product([])).toBe(1)
    expect(product(['B', 0])).toBe(0)
    expect(quotient('200*B', 50)).toBe('4*B')
    expect(quotient('200*B', 'B')).toBe(200)
    expect(quotient('A*B', 'A')).toBe('B')
    expect(() => quotient(4, 'B')).toThrow('B is not a factor')
    expect(() => quotient('3*B', 2)).toThrow('Cannot divide')
  })

  test('a size needs numbers', () => {
    expect(sizeOf([2, 3])).toBe(6)
    expect(() => sizeOf(['B', 3])).toThrow('symbolic')
  })
})

describe('broadcasting', () => {
  test('as NumPy does it', () => {
    expect(broadcast([2, 1, 4], [3, 1])).toEqual([2, 3, 4])
    expect(broadcast(['B', 1], [1, 5])).toEqual(['B', 5])
    expect(broadcast([], [2])).toEqual([2])
    expect(() => broadcast([2], [3])).toThrow('do not broadcast')
    expect(() => broadcast(['B'], [3])).toThrow('do not broadcast')
  })

  test('the axes along which a value was repeated', () => {
    expect(repeatedAxes([2, 3, 4], [3, 1])).toEqual([0, 2])
    expect(repeatedAxes([2, 3], [2, 3])).toEqual([])
    expect(repeatedAxes([2], [])).toEqual([0])
  })
})

test('axes count from either end', () => {
  expect([axisOf(0, 3), axisOf(-1, 3)]).toEqual([0, 2])
  expect(() => axisOf(3, 3)).toThrow('outside a tensor of rank 3')
})
