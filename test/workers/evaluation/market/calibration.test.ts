import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  calibrationColumns,
  equalMassBins,
  expectedCalibrationError,
} from '../../../../workers/evaluation/market/calibration.ts'
import { Random } from '../../../../workers/tensor/random.ts'

test('bins hold as many predictions each, to within one, in the order of the predictions', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 15 }),
      (values, bins) => {
        const predictions = Float64Array.from(values)
        const bin = equalMassBins(predictions, bins)
        const counts = new Array(bins).fill(0)
        for (const each of bin) counts[each]++
        const wanted = values.length / bins
        for (const count of counts) expect(Math.abs(count - wanted)).toBeLessThan(1)
        for (let a = 0; a < values.length; a++)
          for (let b = 0; b < values.length; b++) if (values[a] < values[b]) expect(bin[a]).toBeLessThanOrEqual(bin[b])
      },
    ),
  )
})

describe('the calibration error', () => {
  test('of two bins by hand', () => {
    const pairs = { predicted: Float64Array.of(0.1, 0.8, 0.2, 0.9), observed: Float64Array.of(0, 1, 1, 1) }
    // Bins (0.1, 0.2) and (0.8, 0.9): gaps of 0.3 - 1 and 1.7 - 2.
    expect(expectedCalibrationError(pairs, 2)).toBeCloseTo((0.7 + 0.3) / 4, 12)
  })

  test('is 0 for the truth, and the shift for predictions that are all too high by it', () => {
    const predicted = Float64Array.from({ length: 40 }, (_, index) => index / 50)
    expect(expectedCalibrationError({ predicted, observed: predicted }, 15)).toBe(0)
    const shifted = predicted.map((value) => value + 0.1)
    expect(expectedCalibrationError({ predicted: shifted, observed: predicted }, 15)).toBeCloseTo(0.1, 12)
  })

  test('of chances against coins of those chances is as large as chance makes it', () => {
    const random = new Random('coins')
    const predicted = Float64Array.from({ length: 6000 }, () => random.uniform())
    const observed = predicted.map((chance) => Number(random.uniform() < chance))
    const error = expectedCalibrationError({ predicted, observed }, 15)
    expect(error).toBeGreaterThan(0.001)
    expect(error).toBeLessThan(0.03)
  })

  test('is made of its columns', () => {
    const random = new Random('columns')
    const predicted = Float64Array.from({ length: 90 }, () => random.uniform())
    const observed = predicted.map((chance) => Number(random.uniform() < chance))
    const groupOf = Float64Array.from({ length: 90 }, (_, index) => index % 7)
    const columns = calibrationColumns({ predicted, observed }, groupOf, 7, 5)
    const totals = columns.map((column) => column.reduce((sum, value) => sum + value, 0))
    const gaps = totals.slice(0, 5).reduce((sum, gap) => sum + Math.abs(gap), 0)
    expect(totals[5]).toBe(90)
    expect(gaps / totals[5]).toBeCloseTo(expectedCalibrationError({ predicted, observed }, 5), 12)
  })
})
