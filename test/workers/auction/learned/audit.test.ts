import { expect, test } from 'vitest'
import { auditLearned, gridPoints } from '../../../../workers/auction/learned/audit.ts'
import type { LearnedMechanism, ReportQuestions } from '../../../../workers/auction/learned/mechanism.ts'

/** One item, two bidders, the higher report wins and pays `price` of its own and the other report. */
const singleItem = (price: (own: number, other: number) => number): LearnedMechanism => {
  const utilities = async (profiles: Float32Array, { profile, bidder, reports }: ReportQuestions) =>
    Float32Array.from(reports, (report, row) => {
      const [value, other] = [bidder[row], 1 - bidder[row]].map((who) => profiles[2 * profile[row] + who])
      return report > other ? value - price(report, other) : 0
    })
  return {
    network: { bidders: 2, items: 1, width: 0, layers: 0 },
    block: 100,
    utilities,
    slopes: async (profiles, questions) => ({
      utility: await utilities(profiles, questions),
      gradient: new Float32Array(questions.reports.length),
    }),
    outcomes: async (profiles) => {
      const allocation = profiles.map((value, index) => Number(value > profiles[index ^ 1]))
      const payments = allocation.map((won, index) => won * price(profiles[index], profiles[index ^ 1]))
      return { allocation, payments }
    },
    release: async () => {},
  }
}

const options = { profiles: 400, seed: 5, grid: 201, best: 1, random: 1, steps: 2, rate: 0.1 }
const mean = (numbers: Float64Array) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length

test('of a second price: revenue 1/3, no regret', async () => {
  const { revenue, regret, maxRegret, irViolations } = await auditLearned(
    singleItem((_own, other) => other),
    options,
  )
  expect(Math.abs(mean(revenue) - 1 / 3)).toBeLessThan(0.04)
  expect([mean(regret), maxRegret, irViolations]).toEqual([0, 0, 0])
})

test('of a first price: revenue 2/3, regret 1/6 and 2/15 over the published multipliers', async () => {
  const audit = await auditLearned(
    singleItem((own) => own),
    options,
  )
  expect(Math.abs(mean(audit.revenue) - 2 / 3)).toBeLessThan(0.04)
  // 400 profiles: standard error 0.006.
  expect(Math.abs(mean(audit.regret) - 1 / 6)).toBeLessThan(0.02)
  expect(Math.abs(mean(audit.publishedRegret) - 0.1332)).toBeLessThan(0.02)
  expect(mean(audit.byBidder)).toBeCloseTo(mean(audit.regret), 9)
})

test('counts who loses by telling the truth', async () => {
  const { irViolations } = await auditLearned(
    singleItem((own) => own + 0.1),
    options,
  )
  expect(irViolations).toBe(400)
})

test('climbs gradients from where the grid is best', async () => {
  // Utility is a narrow peak of the report, off every point of a coarse grid.
  const peak = (report: number) => Math.exp(-((report - 0.4321) ** 2) / 0.02)
  const base = singleItem((_own, other) => other)
  const slopes: LearnedMechanism['slopes'] = async (_profiles, { reports }) => ({
    utility: reports.map(peak),
    gradient: reports.map((report) => (peak(report) * 2 * (0.4321 - report)) / 0.02),
  })
  const peaked = {
    ...base,
    slopes,
    utilities: async (_: Float32Array, { reports }: ReportQuestions) => reports.map(peak),
  }
  const coarse = { ...options, profiles: 50, grid: 4, random: 0 }
  const climbed = await auditLearned(peaked, { ...coarse, steps: 60, rate: 0.05 })
  const still = await auditLearned(peaked, { ...coarse, steps: 0 })
  expect(mean(climbed.regret)).toBeGreaterThan(mean(still.regret) + 0.05)
  expect(climbed.maxRegret).toBeLessThanOrEqual(1)
})

test('a grid has all combinations', () => {
  expect([...gridPoints(3, 1)]).toEqual([0, 0.5, 1])
  const square = gridPoints(3, 2)
  const points = Array.from({ length: 9 }, (_, row) => `${square[2 * row]},${square[2 * row + 1]}`)
  expect(new Set(points).size).toBe(9)
})
