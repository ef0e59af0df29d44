import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random, xoshiro128 } from '../../../workers/tensor/random.ts'

describe('xoshiro128**', () => {
  test('the vector of the reference implementation', () => {
    const next = xoshiro128(Int32Array.of(1, 2, 3, 4))
    expect([next(), next(), next(), next()]).toEqual([11520, 0, 5927040, 70819200])
  })

  test('agrees with arithmetic on big integers from any state', () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (words) => {
        const mask = 0xffffffffn
        const rotate = (x: bigint, by: bigint) => ((x << by) | (x >> (32n - by))) & mask
        const s = words.map((each) => BigInt.asUintN(32, BigInt(each)))
        const next = xoshiro128(Int32Array.from(words))
        for (let round = 0; round < 8; round++) {
          const expected = (rotate((s[1] * 5n) & mask, 7n) * 9n) & mask
          const shifted = (s[1] << 9n) & mask
          s[2] ^= s[0]
          s[3] ^= s[1]
          s[1] ^= s[2]
          s[0] ^= s[3]
          s[2] ^= shifted
          s[3] = rotate(s[3], 11n)
          expect(BigInt(next())).toBe(expected)
        }
      }),
    )
  })
})

describe('streams', () => {
  test('the same labels give the same stream, any other label another', () => {
    const draw = (...labels: (number | string)[]) => {
      const random = new Random(...labels)
      return Array.from({ length: 4 }, () => random.uint32())
    }
    expect(draw(7, 'dropout', 3)).toEqual(draw(7, 'dropout', 3))
    const streams = [
      draw(7, 'dropout', 3),
      draw(7, 'dropout', 4),
      draw(8, 'dropout', 3),
      draw(7, 'dropout3'),
      draw('7', 'dropout', 3),
    ]
    expect(new Set(streams.map(String)).size).toBe(streams.length)
  })

  test('pinned, so that a seed means the same in every version', () => {
    const random = new Random(1, 'pinned')
    expect([random.uint32(), random.uint32(), random.below(1000)]).toEqual([920930748, 658071514, 108])
  })
})

describe('distributions', () => {
  const count = 40_000

  test('uniform lies in [0, 1) with the moments of the uniform distribution', () => {
    const random = new Random('uniform')
    const drawn = Array.from({ length: count }, () => random.uniform())
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...drawn)).toBeLessThan(1)
    expect(drawn.reduce((sum, x) => sum + x, 0) / count).toBeCloseTo(0.5, 2)
    expect(drawn.reduce((sum, x) => sum + (x - 0.5) ** 2, 0) / count).toBeCloseTo(1 / 12, 2)
  })

  test('normals have mean 0, variance 1 and kurtosis 3', () => {
    const random = new Random('normal')
    const drawn = Array.from({ length: count }, () => random.normal())
    const moment = (power: number) => drawn.reduce((sum, x) => sum + x ** power, 0) / count
    // Five standard errors: 1, sqrt 2 and sqrt 96 over sqrt(count).
    expect(Math.abs(moment(1))).toBeLessThan(0.025)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.036)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.25)
  })

  test('below is even over its range', () => {
    const random = new Random('below')
    const counts = new Array<number>(7).fill(0)
    for (let round = 0; round < count; round++) counts[random.below(7)]++
    const expected = count / 7
    const chiSquare = counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)
    // 99.99 % of the chi-square distribution with 6 degrees of freedom.
    expect(chiSquare).toBeLessThan(27.9)
  })

  test('a permutation holds every number once; all orders of three are as frequent', () => {
    const random = new Random('permutation')
    expect([...random.permutation(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    const seen = new Map<string, number>()
    for (let round = 0; round < 6000; round++) {
      const order = random.permutation(3).join()
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    expect(seen.size).toBe(6)
    for (const times of seen.values()) expect(Math.abs(times - 1000)).toBeLessThan(150)
  })

  test.each([0, 0.1, 0.4, 1])('a keep mask drops at rate %s, of odd length too', (rate) => {
    const mask = new Random('mask').keepMask(new Uint8Array(20_001).fill(9), rate)
    const kept = mask.reduce((sum, flag) => sum + flag, 0)
    expect(Math.max(...mask)).toBeLessThanOrEqual(1)
    expect(Math.abs(kept / mask.length - (1 - rate))).toBeLessThan(0.015)
  })
})
