import { expect, test } from 'vitest'
import { misreportCount, misreportsOf } from '../../../../workers/auction/payment-network/misreports.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const bids = Float64Array.of(8, 4, 2)
/** Multiples of the bids of the ads 0 and 2, by misreport. */
const factorsOf = (found: readonly Float64Array[]) => found.map((each) => [each[0] / 8, each[2] / 2])
const random = (seed = 1) => new Random(seed, 'misreports')

test('published misreports are those of the metric but for the truth', () => {
  const found = misreportsOf(bids, [0, 2], 'Published', random())
  expect(found.map((each) => each[1])).toEqual(new Array(misreportCount).fill(4))
  for (const [index, factors] of factorsOf(found).entries())
    for (const factor of factors) expect(factor).toBeCloseTo([0.2, 0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8, 2][index], 12)
})

test('random ones are one from each part of [0.05, 3], others for each bidder', () => {
  const found = misreportsOf(bids, [0], 'Random', random())
  expect(found).toHaveLength(misreportCount)
  found.forEach((each, part) => {
    const place = (misreportCount * Math.log(each[0] / 8 / 0.05)) / Math.log(60)
    expect(place).toBeGreaterThanOrEqual(part)
    expect(place).toBeLessThanOrEqual(part + 1)
    expect([each[1], each[2]]).toEqual([4, 2])
  })
  const same = random()
  expect(misreportsOf(bids, [0], 'Random', same)).toEqual(found)
  expect(misreportsOf(bids, [0], 'Random', same)).not.toEqual(found)
})

test('every second random one of a bidder of several ads has another multiple for each', () => {
  const factors = factorsOf(misreportsOf(bids, [0, 2], 'Random', random()))
  for (const [part, [first, second]] of factors.entries())
    if (part % 2 === 0) expect(first).toBeCloseTo(second, 12)
    else expect(Math.abs(first - second)).toBeGreaterThan(1e-6)
  for (const factor of factors.flat()) {
    expect(factor).toBeGreaterThan(0.05 * (1 - 1e-9))
    expect(factor).toBeLessThan(3 * (1 + 1e-9))
  }
})
