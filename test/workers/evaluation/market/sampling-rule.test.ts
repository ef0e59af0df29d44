import { describe, expect, test } from 'vitest'
import { ratioHalfWidth, sampleUntilPrecise } from '../../../../workers/evaluation/market/sampling-rule.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const rule = { maxRequests: 100, minRequests: 10, halfWidth: 0.5, checkEvery: 5 }

/** Half-widths that fall as 1 / n. */
const sample = async (taken: number, available: number, changed: Partial<typeof rule> = {}, scale = 10) => {
  const measured: number[] = []
  const sampled = await sampleUntilPrecise(
    taken,
    available,
    { ...rule, ...changed },
    async (place) => void measured.push(place),
    (requests) => scale / requests,
  )
  return { ...sampled, measured }
}

describe('sampling', () => {
  test('ends at the first check that is precise', async () => {
    const { requests, ended, measured, halfWidth } = await sample(0, 1000)
    expect({ requests, ended, halfWidth }).toEqual({ requests: 20, ended: 'Precise', halfWidth: 0.5 })
    expect(measured).toEqual(Array.from({ length: 20 }, (_, place) => place))
  })

  test('believes no half-width before the minimum', async () => {
    expect(await sample(0, 1000, {}, 0)).toMatchObject({ requests: 10, ended: 'Precise' })
  })

  test('ends at the maximum, or where there are no more, and says which', async () => {
    expect(await sample(0, 1000, {}, 1000)).toMatchObject({ requests: 100, ended: 'Maximum', halfWidth: 10 })
    expect(await sample(0, 7)).toMatchObject({ requests: 7, ended: 'Exhausted' })
    expect(await sample(0, 0)).toMatchObject({ requests: 0, ended: 'Exhausted', halfWidth: Number.NaN })
  })

  test('that was stopped anywhere ends where it would have ended', async () => {
    for (let taken = 0; taken <= 20; taken++) {
      const { requests, ended, measured } = await sample(taken, 1000)
      expect({ requests, ended }).toEqual({ requests: 20, ended: 'Precise' })
      expect(measured).toHaveLength(20 - taken)
    }
  })

  test('goes on while the half-width is no number', async () => {
    const sampled = await sampleUntilPrecise(
      0,
      50,
      rule,
      async () => {},
      () => Number.NaN,
    )
    expect(sampled).toMatchObject({ requests: 50, ended: 'Exhausted' })
  })
})

describe('the half-width of a ratio', () => {
  test('covers the truth in about 95 of 100 samples', () => {
    const covered = Array.from({ length: 400 }, (_, seed) => {
      const random = new Random(seed, 'ratio')
      const pairs = Float64Array.from({ length: 80 }, () => random.below(4))
      const sums = pairs.map((count) => count * (0.3 + 0.2 * random.normal()))
      const half = ratioHalfWidth(sums, pairs, Uint32Array.from(pairs.keys()))
      const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0)
      return Math.abs(total(sums) / total(pairs) - 0.3) <= half
    }).filter(Boolean).length
    expect(covered).toBeGreaterThan(400 * 0.91)
    expect(covered).toBeLessThan(400 * 0.99)
  })

  test('counts what is drawn together as one, and knows nothing of one cluster', () => {
    const [sums, pairs] = [Float64Array.of(1, 0, 1, 0), Float64Array.of(1, 1, 1, 1)]
    const apart = ratioHalfWidth(sums, pairs, Uint32Array.of(0, 1, 2, 3))
    const together = ratioHalfWidth(sums, pairs, Uint32Array.of(0, 1, 0, 1))
    expect(together).toBeGreaterThan(apart)
    expect(ratioHalfWidth(sums, pairs, new Uint32Array(4))).toBeNaN()
  })
})
