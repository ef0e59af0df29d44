import { expect, test } from 'vitest'
import {
  type Mechanism,
  outcomesOf,
  outcomesUnder,
  ownClicks,
  type SlotClicks,
} from '../../../workers/auction/bid-outcomes.ts'
import type { PaymentInput } from '../../../workers/auction/payments/payment-rule.ts'
import { payments } from '../../../workers/auction/payments/payments.ts'
import { rankingAllocator } from '../../../workers/auction/ranking-allocator.ts'
import { requestOf } from './support.ts'

const allocator = rankingAllocator({ quality: () => [1, 1, 1], exposure: [1, 0.5] })
const exposure = Float64Array.of(1, 0.5)
const request = requestOf([10, 8, 1], 2)

/** GSP on slots of 1 and 0.5, and what it was asked to price. */
function scene() {
  const priced: PaymentInput[][] = []
  const mechanism: Mechanism = {
    allocator,
    payments: (inputs) => {
      priced.push([...inputs])
      return payments('GSP', inputs, { exposure })
    },
  }
  return { mechanism, priced }
}

/** A tenth of what the mechanism expects. */
const doubtful: SlotClicks = async (inputs) =>
  (await ownClicks(inputs)).map((clicks) => Array.from(clicks, (one) => one / 10))

test('ads that are listed get a price, and clicks by every judge, under each vector of bids', async () => {
  const { mechanism } = scene()
  const questions = [{ bids: request.bids }, { bids: Float64Array.of(4, 8, 1) }]
  const [own, shaded] = await outcomesUnder(mechanism, [ownClicks, doubtful], request, questions)
  expect([...own]).toEqual([
    [0, { price: 8, clicks: [1, 0.1] }],
    [1, { price: 1, clicks: [0.5, 0.05] }],
  ])
  expect([...shaded]).toEqual([
    [1, { price: 4, clicks: [1, 0.1] }],
    [0, { price: 1, clicks: [0.5, 0.05] }],
  ])
})

test('of ads that are asked for nothing but these is told, and one alone is priced alone', async () => {
  const { mechanism, priced } = scene()
  const questions = [
    { bids: request.bids, ads: [1, 2] },
    { bids: request.bids, ads: [2] },
    { bids: request.bids, ads: [0, 1] },
  ]
  const found = await outcomesUnder(mechanism, [ownClicks], request, questions)
  expect(found.map((outcome) => [...outcome.keys()])).toEqual([[1], [], [0, 1]])
  expect(priced.map((inputs) => inputs.map(({ only }) => only))).toEqual([[1, undefined]])
})

test('where nobody asked is listed nothing is priced or judged', async () => {
  const { mechanism, priced } = scene()
  const never: SlotClicks = () => Promise.reject(new Error('judged'))
  const [allocation] = await allocator.allocate([request])
  const [found] = await outcomesOf(mechanism, [never], [{ request, allocation, ads: [2] }])
  expect(found.size).toBe(0)
  expect(priced).toEqual([])
})
