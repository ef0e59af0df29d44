import { expect, test } from 'vitest'
import { gradientSearch } from '../../../../workers/auction/regret/gradient-search.ts'

/** Two hills over [0, 1]^2, the higher one at (0.8, 0.3); the second row's is flat and outside to the right. */
const hills = async (reports: Float32Array) => {
  const utility = new Float64Array(reports.length / 2)
  const gradient = new Float64Array(reports.length)
  utility.forEach((_, row) => {
    const [x, y] = [reports[2 * row], reports[2 * row + 1]]
    const hill = (height: number, a: number, b: number, width: number) => {
      const value = height * Math.exp(-((x - a) ** 2 + (y - b) ** 2) / width)
      utility[row] += value
      gradient[2 * row] += (value * 2 * (a - x)) / width
      gradient[2 * row + 1] += (value * 2 * (b - y)) / width
    }
    hill(1, 0.8, 0.3, 0.05)
    hill(0.6, 0.1, 0.9, 0.05)
  })
  return { utility, gradient }
}

const options = { dimensions: 2, steps: 60, rate: 0.1, low: 0, high: 1 }

test('each start climbs its own hill and keeps its best point', async () => {
  const starts = Float32Array.of(0.6, 0.5, 0.3, 0.8)
  const { reports, utility } = await gradientSearch(hills, starts, options)
  expect(utility[0]).toBeCloseTo(1, 2)
  expect(utility[1]).toBeCloseTo(0.6, 2)
  expect([...reports].map((each) => Math.round(10 * each) / 10)).toEqual([0.8, 0.3, 0.1, 0.9])
  expect([...starts].map((each) => Math.round(10 * each) / 10)).toEqual([0.6, 0.5, 0.3, 0.8])
})

test('stays within the bounds, and never ends below its start', async () => {
  const narrow = await gradientSearch(hills, Float32Array.of(0.6, 0.5), { ...options, high: 0.7 })
  expect(Math.max(...narrow.reports)).toBeLessThanOrEqual(Math.fround(0.7))
  const wild = await gradientSearch(hills, Float32Array.of(0.8, 0.3), { ...options, rate: 5, steps: 5 })
  expect([...wild.reports]).toEqual([...Float32Array.of(0.8, 0.3)])
})
