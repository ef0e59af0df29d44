import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openLearnedMechanism } from '../../../../workers/auction/learned/mechanism.ts'
import { type AuctionNetwork, networkLayout } from '../../../../workers/auction/learned/network.ts'
import { initialParameters } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { plainOutcome } from './plain-mechanism.ts'

const network: AuctionNetwork = { bidders: 3, items: 2, width: 8, layers: 2 }
const layout = networkLayout(network)
const random = new Random('rough')
const parameters = initialParameters(layout, 3).map((number) => number + 0.3 * random.normal())
const profiles = Float32Array.from({ length: 7 * 6 }, () => random.uniform())

const withMechanism = async <Result>(
  use: (mechanism: Awaited<ReturnType<typeof openLearnedMechanism>>) => Promise<Result>,
) => {
  const mechanism = await openLearnedMechanism(network, parameters, { block: 4 })
  try {
    return await use(mechanism)
  } finally {
    await mechanism.release()
  }
}

describe('a learned mechanism', () => {
  test('is what plain double arithmetic says', () =>
    withMechanism(async (mechanism) => {
      const { allocation, payments } = await mechanism.outcomes(profiles)
      for (let row = 0; row < 7; row++) {
        const plain = plainOutcome(network, parameters, profiles.subarray(row * 6, (row + 1) * 6))
        plain.allocation.forEach((share, index) => {
          expect(allocation[row * 6 + index]).toBeCloseTo(share, 5)
        })
        plain.payments.forEach((payment, bidder) => {
          expect(payments[row * 3 + bidder]).toBeCloseTo(payment, 5)
        })
      }
    }))

  test('gives no more than there is and takes no more than was reported for it', () => {
    const reports = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 })
    return fc.assert(
      fc.property(reports, (profile) => {
        const { allocation, payments } = plainOutcome(network, parameters, Float32Array.from(profile))
        for (let item = 0; item < 2; item++)
          expect(allocation[item] + allocation[2 + item] + allocation[4 + item]).toBeLessThanOrEqual(1)
        payments.forEach((payment, bidder) => {
          const worth = [0, 1].reduce(
            (sum, item) => sum + allocation[2 * bidder + item] * profile[2 * bidder + item],
            0,
          )
          expect(payment).toBeGreaterThanOrEqual(0)
          expect(payment).toBeLessThanOrEqual(worth + 1e-6)
        })
      }),
    )
  })

  test('turned round bidders and items, gives the outcome turned round', () =>
    withMechanism(async (mechanism) => {
      const turned = profiles.map((_, index) => {
        const [row, pair] = [Math.floor(index / 6), index % 6]
        return profiles[row * 6 + ((Math.floor(pair / 2) + 1) % 3) * 2 + ((pair + 1) % 2)]
      })
      const [plain, round] = [await mechanism.outcomes(profiles), await mechanism.outcomes(turned)]
      round.allocation.forEach((share, index) => {
        const [row, pair] = [Math.floor(index / 6), index % 6]
        const origin = row * 6 + ((Math.floor(pair / 2) + 1) % 3) * 2 + ((pair + 1) % 2)
        expect(share).toBeCloseTo(plain.allocation[origin], 5)
      })
    }))

  test('tells a bidder its utility under a report and how it changes with it', () =>
    withMechanism(async (mechanism) => {
      const questions = {
        profile: [0, 3, 3, 6, 2],
        bidder: [0, 1, 2, 2, 0],
        reports: Float32Array.from({ length: 10 }, () => random.uniform()),
      }
      const { utility, gradient } = await mechanism.slopes(profiles, questions)
      const plainUtility = (row: number, reports: ArrayLike<number>): number => {
        const values = profiles.subarray(questions.profile[row] * 6, (questions.profile[row] + 1) * 6)
        const bidder = questions.bidder[row]
        const profile = Float64Array.from(values)
        profile.set(Array.from(reports), bidder * 2)
        const { allocation, payments } = plainOutcome(network, parameters, profile)
        const worth = [0, 1].map((item) => allocation[2 * bidder + item] * values[2 * bidder + item])
        return worth[0] + worth[1] - payments[bidder]
      }
      for (let row = 0; row < 5; row++) {
        const reports = Array.from(questions.reports.subarray(2 * row, 2 * row + 2))
        expect(utility[row]).toBeCloseTo(plainUtility(row, reports), 5)
        for (const item of [0, 1]) {
          const [up, down] = [1e-4, -1e-4].map((step) => plainUtility(row, reports.with(item, reports[item] + step)))
          expect(gradient[2 * row + item]).toBeCloseTo((up - down) / 2e-4, 3)
        }
      }
      expect(await mechanism.utilities(profiles, questions)).toEqual(utility)
    }))
})
