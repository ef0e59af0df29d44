import { expect, test } from 'vitest'
import { payments } from '../../../../workers/auction/payments/payments.ts'
import { rankingAllocator } from '../../../../workers/auction/ranking-allocator.ts'
import { audit } from '../../../../workers/auction/regret/audit.ts'
import { auditUntilPrecise, publishedSearch } from '../../../../workers/auction/regret/sampling.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { requestOf } from '../support.ts'

const allocator = rankingAllocator({ quality: ({ ads }) => new Float64Array(ads.length).fill(1), exposure: [1, 0.5] })
const gsp = { allocator, payments: (inputs: Parameters<typeof payments>[1]) => payments('GSP', inputs, {}) }

const random = new Random(21, 'values')
const cases = Array.from({ length: 600 }, () => ({
  request: requestOf([random.uniform(), random.uniform(), random.uniform()], 2),
}))
const options = { utilityFloor: 0.1, samples: 200, seed: 1, chunk: 50 }

test('an audit goes on until Ψ is precise enough, and no further', async () => {
  const { rows, summary, precise } = await auditUntilPrecise(gsp, cases, publishedSearch, {
    ...options,
    halfWidth: 0.05,
  })
  expect(precise).toBe(true)
  expect(summary.requests).toBeLessThan(600)
  expect(summary.requests % 50).toBe(0)
  expect((summary.psi.mean.high - summary.psi.mean.low) / 2).toBeLessThan(0.05)
  expect(rows).toEqual(await audit(gsp, cases.slice(0, summary.requests), publishedSearch))
  expect(rows.every(({ misreports }) => misreports === 10)).toBe(true)
})

test('an audit that runs out of cases says so', async () => {
  const few = cases.slice(0, 120)
  const { summary, precise } = await auditUntilPrecise(gsp, few, publishedSearch, { ...options, halfWidth: 1e-4 })
  expect([summary.requests, precise]).toEqual([120, false])
})
