import { afterEach, expect, it, vi } from 'vitest'
import { backoffDelay } from '../../../operator/cluster/backoff.ts'
import { microTimestamp, sleep, systemClock, timestamp } from '../../../operator/cluster/clock.ts'
import { FakeClock } from '../../support/fake-clock.ts'

afterEach(() => {
  vi.useRealTimers()
})

it('the system clock waits longer than 32 bits of milliseconds', () => {
  vi.useFakeTimers()
  const days = 60 * 86_400_000
  let rang = false
  systemClock.after(days, () => {
    rang = true
  })
  vi.advanceTimersByTime(days - 1)
  expect(rang).toBe(false)
  vi.advanceTimersByTime(1)
  expect(rang).toBe(true)
})

it('a timer of the system clock can be cancelled, also after its first stage', () => {
  vi.useFakeTimers()
  let rang = false
  const cancel = systemClock.after(60 * 86_400_000, () => {
    rang = true
  })
  vi.advanceTimersByTime(30 * 86_400_000)
  cancel()
  vi.advanceTimersByTime(60 * 86_400_000)
  expect([rang, vi.getTimerCount()]).toEqual([false, 0])
})

it('sleep ends early on abort and leaves no timer', async () => {
  const clock = new FakeClock()
  const abort = new AbortController()
  const slept = sleep(clock, 10_000, abort.signal)
  abort.abort()
  await slept
  await sleep(clock, 10_000, abort.signal)
  expect(clock.pendingTimers).toBe(0)
})

it('times are written as the API reads them', () => {
  const ms = Date.parse('2026-03-04T05:06:07.089Z')
  expect([timestamp(ms), microTimestamp(ms)]).toEqual(['2026-03-04T05:06:07Z', '2026-03-04T05:06:07.089000Z'])
})

it('back-off doubles to its limit, half of it by chance', () => {
  const options = { baseMs: 100, maxMs: 1000 }
  const at = (failures: number, random: number) => backoffDelay(failures, options, () => random)
  expect([0, 1, 2, 3, 4, 5, 5000].map((failures) => at(failures, 0))).toEqual([0, 50, 100, 200, 400, 500, 500])
  expect(at(2, 0.5)).toBe(150)
})
