import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  clipWeights,
  effectiveCount,
  leastEffectiveCount,
} from '../../../../workers/evaluation/off-policy/importance-weights.ts'
import { conclude } from '../../../../workers/evaluation/off-policy/support.ts'

describe('the effective count', () => {
  test('of equal terms is their number, of one among nothing is 1, of nothing is 0', () => {
    expect(effectiveCount(new Float64Array(7).fill(0.3))).toBeCloseTo(7, 12)
    expect(effectiveCount(Float64Array.of(0, 5, 0))).toBe(1)
    expect(effectiveCount(new Float64Array(3))).toBe(0)
  })

  test('is at most the number of terms that are not 0, whatever their scale', () => {
    const terms = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(terms, fc.double({ min: 0.01, max: 100, noNaN: true }), (values, scale) => {
        const count = effectiveCount(Float64Array.from(values))
        expect(count).toBeGreaterThanOrEqual(1 - 1e-9)
        expect(count).toBeLessThanOrEqual(values.length + 1e-9)
        expect(effectiveCount(Float64Array.from(values, (value) => value * scale))).toBeCloseTo(count, 6)
      }),
    )
  })
})

describe('the least effective count', () => {
  test('is that of the depth which says least, as if all rows were like it', () => {
    const depth = Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1)
    const terms = Float64Array.of(1, 1, 1, 1, 4, 0, 0, 0)
    expect(leastEffectiveCount(terms, depth)).toBeCloseTo(2, 12)
    expect(leastEffectiveCount(terms, undefined)).toBeCloseTo(64 / 20, 12)
    expect(leastEffectiveCount(Float64Array.of(1, 1, 1, 1, 0, 0, 0, 0), depth)).toBe(0)
    expect(leastEffectiveCount(new Float64Array(8).fill(2), depth)).toBeCloseTo(8, 12)
  })

  test('does not hang on a depth that few lists reach', () => {
    const depth = Uint32Array.from({ length: 101 }, (_, row) => Number(row === 100))
    const terms = Float64Array.from(depth, (each) => 1 - each)
    expect(leastEffectiveCount(terms, depth)).toBeCloseTo(100, 12)
  })

  test('of nothing is 0', () => {
    expect(leastEffectiveCount(new Float64Array(0), new Uint32Array(0))).toBe(0)
  })
})

test('weights are cut at the clip, and what that took is told', () => {
  const weights = Float64Array.of(1, 10, 0)
  expect(clipWeights(weights, Number.POSITIVE_INFINITY)).toEqual({
    values: Float64Array.of(1, 10, 0),
    clipped: 0,
    lostMass: 0,
  })
  const { values, clipped, lostMass } = clipWeights(weights, 4)
  expect([...values]).toEqual([1, 4, 0])
  expect(clipped).toBe(1)
  expect(lostMass).toBeCloseTo(6 / 11, 12)
})

describe('a conclusion', () => {
  const rule = { minEffectiveSamples: 1000, minPositives: 100 }

  test('is supported at the bounds of the rule', () => {
    expect(conclude({ effectiveSamples: 1000, effectivePositives: 100 }, rule)).toMatchObject({
      supported: true,
      refusals: [],
    })
  })

  test('is refused for each thing that is missing, in words', () => {
    expect(conclude({ effectiveSamples: 12.34, effectivePositives: 46 }, rule)).toMatchObject({
      supported: false,
      refusals: [
        'the effective sample size is 12.3, at least 1000 is asked for',
        'it rests on 46 positive rewards, at least 100 are asked for',
      ],
    })
    expect(conclude({ effectiveSamples: Number.NaN, effectivePositives: 100 }, rule).supported).toBe(false)
  })
})
