import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quantileGains, rankNormalisedGains } from '../../../../workers/evaluation/sampled/gains.ts'

describe('the gain', () => {
  test('RankNormalised is the share of the others that are worth less, equals counting half', () => {
    const [gains] = rankNormalisedGains([Float64Array.of(2, 0, 5, 2, 9)])
    expect([...gains]).toEqual([0.375, 0, 0.75, 0.375, 1])
    expect([...rankNormalisedGains([Float64Array.of(3, 3, 3)])[0]]).toEqual([0.5, 0.5, 0.5])
  })

  test('Quantile doubles from part to part over all lists', () => {
    const values = Float64Array.from({ length: 20 }, (_, index) => index + 1)
    const [low, high] = quantileGains(4)([values.subarray(0, 10), values.subarray(10)])
    expect([...low, ...high]).toEqual([0, 1, 3, 7].flatMap((gain) => [gain, gain, gain, gain, gain]))
  })

  test('Quantile gives equals one gain, also where most are worth nothing', () => {
    const [gains] = quantileGains(5)([Float64Array.of(0, 0, 0, 0, 0, 0, 0, 2, 3, 9)])
    expect([...gains.subarray(0, 7)]).toEqual(new Array(7).fill(0))
    expect(gains[9]).toBe(15)
  })

  test('goes by order alone: no unit of money and no rich ad changes it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 20 }), (whole) => {
        const ecpm = [Float64Array.from(whole)]
        // A power of two keeps the quantiles exact.
        expect(quantileGains(4)(ecpm.map((values) => values.map((value) => value * 8)))).toEqual(quantileGains(4)(ecpm))
        const stretched = ecpm.map((values) => values.map((value) => Math.expm1(value)))
        expect(rankNormalisedGains(stretched)).toEqual(rankNormalisedGains(ecpm))
        for (const gain of [rankNormalisedGains, quantileGains(4)]) {
          const [gains] = gain(ecpm)
          whole.forEach((value, a) => {
            whole.forEach((other, b) => {
              if (value === other) expect(gains[a]).toBe(gains[b])
              if (value < other) expect(gains[a]).toBeLessThanOrEqual(gains[b])
            })
          })
        }
      }),
    )
  })
})
