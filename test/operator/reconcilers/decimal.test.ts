import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimal } from '../../../operator/reconcilers/decimal.ts'

test.each([
  [0, '0'],
  [-0, '0'],
  [1, '1.000'],
  [0.12345, '0.1235'],
  [-2.5, '-2.500'],
  [12345.6, '12346'],
  [0.000012346, '0.00001235'],
  [1e21, '1e+21'],
  [Number.NaN, 'NaN'],
])('%d reads %s', (value, expected) => {
  expect(decimal(value)).toBe(expected)
})

test('a number keeps four digits and no exponent', () => {
  const sizes = fc.double({ min: 1e-8, max: 1e20, noNaN: true })
  fc.assert(
    fc.property(sizes, fc.boolean(), (size, negative) => {
      const value = negative ? -size : size
      const written = decimal(value)
      expect(written).toMatch(/^-?\d+(\.\d+)?$/)
      expect(Math.abs(Number(written) - value)).toBeLessThanOrEqual(size * 6e-4)
    }),
  )
})
