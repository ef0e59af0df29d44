import { expect, test } from 'vitest'
import { type Counts, countsOf } from '../../../operator/rollout/counts.ts'
import { distributionsOf, measureOnline, nextOnline } from '../../../operator/rollout/online.ts'

const counted = (fields: Partial<Counts>): Counts => ({ ...countsOf(new Map()), ...fields })
const window = (counts: Counts) => ({
  startedAt: 0,
  countedFrom: 0,
  observedAt: 60_000,
  stable: { counts, parts: [] },
  canary: { counts: counted({}), parts: [] },
})

test('codes are compared with those of the first hour once there is enough of both', () => {
  expect(distributionsOf(counted({ codes: [100, 100] }))).toEqual({})
  const reference = distributionsOf(counted({ codes: [500, 500] }))
  expect(reference).toEqual({ codes: [500, 500] })
  expect(measureOnline(window(counted({ codes: [10, 10] })), reference).has('codePsi')).toBe(false)
  expect(measureOnline(window(counted({ codes: [500, 500] })), {}).has('codePsi')).toBe(false)
  expect(measureOnline(window(counted({ codes: [500, 500] })), reference).get('codePsi')?.value).toBe(0)
  // (0.9 - 0.5) ln(0.9 / 0.5) + (0.1 - 0.5) ln(0.1 / 0.5), but for half a count added to each bin.
  const moved = measureOnline(window(counted({ codes: [9000, 1000] })), reference).get('codePsi')
  expect(moved?.value).toBeCloseTo(0.8789, 2)
  expect(moved?.noise).toBeLessThan(0.4)
})

test('a number that is known much better is news, though it stayed the same', () => {
  const told = { digest: 'model', observedAt: 'then' }
  const rough = nextOnline(undefined, measureOnline(window(counted({ impressions: 50, clicks: 5 })), {}), told)
  expect(rough).toMatchObject({ ctr: '0.1', uncertainty: { ctr: '0.08944' } })
  const better = measureOnline(window(counted({ impressions: 5000, clicks: 500 })), {})
  expect(nextOnline(rough, better, { ...told, observedAt: 'now' })).toMatchObject({
    ctr: '0.1',
    uncertainty: { ctr: '0.008944' },
    observedAt: 'now',
  })
  expect(nextOnline(rough, measureOnline(window(counted({ impressions: 60, clicks: 6 })), {}), told)).toBe(rough)
})
