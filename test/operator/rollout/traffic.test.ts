import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planCanary, replicasFor, shadowRefusal, weightRefusal } from '../../../operator/rollout/traffic.ts'

const replicas = { route: 'Replicas', tolerancePercent: 10 } as const

test.each([
  [10, 9, { replicas: 1, actualWeight: 10 }],
  [50, 4, { replicas: 4, actualWeight: 50 }],
  [20, 8, { replicas: 2, actualWeight: 20 }],
  [20, 3, { replicas: 1, actualWeight: 25 }],
  [0, 4, { replicas: 0, actualWeight: 0 }],
  [50, 0, { replicas: 0, actualWeight: 0 }],
])('a weight of %s with %s Pods of stable', (weight, count, expected) => {
  expect(planCanary(weight, { ...replicas, replicas: count })).toEqual(expected)
})

test('a weight that is too far off is refused with the replicas that would do', () => {
  const plan = planCanary(10, { ...replicas, replicas: 2 })
  expect(plan).toEqual({
    refused: expect.stringMatching(/make 33 %, which is 23 off .* weightTolerancePercent 10; 4 replicas would do/),
  })
  expect(planCanary(10, { ...replicas, replicas: 4 })).toEqual({ replicas: 1, actualWeight: 20 })
})

test('all requests cannot be led away by numbers of Pods', () => {
  expect(planCanary(100, { ...replicas, replicas: 10 })).toEqual({ refused: expect.stringContaining('more than 80 %') })
})

test.each(['Proxy', 'Gateway'] as const)('a %s makes any weight, and a canary has a Pod from the first on', (route) => {
  const options = { route, replicas: 4, tolerancePercent: 0 }
  expect(planCanary(0, options)).toEqual({ replicas: 1, actualWeight: 0 })
  expect(planCanary(30, options)).toEqual({ replicas: 2, actualWeight: 30 })
  expect(planCanary(100, options)).toEqual({ replicas: 4, actualWeight: 100 })
  expect(shadowRefusal(route)).toBeUndefined()
})

test('a shadow needs something that copies requests', () => {
  expect(shadowRefusal('Replicas')).toContain('spec.rollout.gateway')
})

test('what is not refused is within the tolerance, and the replicas that are named would do', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(30),
      (weight, count, tolerance) => {
        const options = { route: 'Replicas', replicas: count, tolerancePercent: tolerance } as const
        const plan = planCanary(weight, options)
        if ('refused' in plan) {
          const enough = replicasFor(weight, tolerance)
          expect(planCanary(weight, { ...options, replicas: enough })).toHaveProperty('replicas')
        } else expect(Math.abs((100 * plan.replicas) / (plan.replicas + count) - weight)).toBeLessThanOrEqual(tolerance)
      },
    ),
  )
})

test('a weight has to do with each number of Pods that an autoscaler may choose', () => {
  const steps = [{ setWeight: 10 }, {}]
  const options = { ...replicas, replicas: 9 }
  const scaled = (minReplicas: number) => weightRefusal(steps, options, { minReplicas, maxReplicas: 20 })
  expect(weightRefusal(steps, options, undefined)).toBeUndefined()
  expect(scaled(4)).toBeUndefined()
  expect(scaled(3)).toMatch(/4 replicas would do; spec.autoscaling may choose 3, so raise minReplicas/)
  const proxied = { ...options, route: 'Proxy' } as const
  expect(weightRefusal(steps, proxied, { minReplicas: 1, maxReplicas: 20 })).toBeUndefined()
})
