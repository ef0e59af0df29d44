import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  handledTimes,
  nextScheduleWords,
  type Schedule,
  scheduleProblem,
  scheduleStates,
} from '../../../../operator/reconcilers/ranker-pipeline/schedule.ts'

const nightly = (cron: string, timeZone = 'UTC'): Schedule => ({ name: 'nightly', cron, timeZone })

function stateAt(schedule: Schedule, last: string, now: string, deadline?: number) {
  const handled = handledTimes([schedule], [], [], Date.parse(last))
  const [state] = scheduleStates([schedule], handled, deadline, Date.parse(now))
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
  return { due: time(state?.due), missed: time(state?.missed), next: time(state?.next) }
}

describe('times that have passed', () => {
  test.each<[string, string, string, string, string | undefined]>([
    ['none', '0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T02:59:59Z', undefined],
    ['the very second', '0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T03:00:00Z', '2026-01-02T03:00:00.000Z'],
    ['one', '0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T09:00:00Z', '2026-01-02T03:00:00.000Z'],
    [
      'a year of them, of which the latest counts',
      '0 3 * * *',
      '2025-01-01T00:00:00Z',
      '2026-01-01T00:00:00Z',
      '2025-12-31T03:00:00.000Z',
    ],
    ['29 February', '0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-03-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['a day that never comes', '0 0 31 2 *', '2026-01-01T00:00:00Z', '2030-01-01T00:00:00Z', undefined],
    ['a word', '@weekly', '2026-01-01T00:00:00Z', '2026-01-05T00:00:00Z', '2026-01-04T00:00:00.000Z'],
  ])('%s', (_, cron, last, now, due) => {
    expect(stateAt(nightly(cron), last, now).due).toBe(due)
  })

  test('what was missed too long ago starts nothing, and is told', () => {
    const state = (now: string) => stateAt(nightly('0 3 * * *'), '2026-01-01T00:00:00Z', now, 600)
    expect(state('2026-01-01T03:10:00Z')).toMatchObject({ due: '2026-01-01T03:00:00.000Z', missed: undefined })
    expect(state('2026-01-01T03:10:01Z')).toMatchObject({ due: undefined, missed: '2026-01-01T03:00:00.000Z' })
  })
})

/** Berlin puts clocks forward on 29 March 2026 at 2:00 to 3:00, and back on 25 October at 3:00 to 2:00. */
describe('clocks that are changed', () => {
  const due = (cron: string, day: string, hour: string) =>
    stateAt(nightly(cron, 'Europe/Berlin'), `${day}T00:00:00Z`, `${day}T${hour}Z`).due

  test('a fixed time that spring leaves out is due right after the gap, once', () => {
    expect(due('30 2 * * *', '2026-03-29', '00:59:59')).toBeUndefined()
    expect(due('30 2 * * *', '2026-03-29', '01:00:00')).toBe('2026-03-29T01:00:00.000Z')
    expect(due('30 2 * * *', '2026-03-29', '23:00:00')).toBe('2026-03-29T01:00:00.000Z')
  })

  test('a list of hours is fixed as well', () => {
    expect(due('30 2,14 * * *', '2026-03-29', '01:00:00')).toBe('2026-03-29T01:00:00.000Z')
  })

  test('a fixed time that autumn brings twice is due the first time alone', () => {
    expect(due('30 2 * * *', '2026-10-25', '00:30:00')).toBe('2026-10-25T00:30:00.000Z')
    expect(due('30 2 * * *', '2026-10-25', '01:30:00')).toBe('2026-10-25T00:30:00.000Z')
    expect(due('30 2 * * *', '2026-10-25', '23:00:00')).toBe('2026-10-25T00:30:00.000Z')
  })

  test('an hourly one goes on by the hour over both', () => {
    expect(due('15 * * * *', '2026-10-25', '01:20:00')).toBe('2026-10-25T01:15:00.000Z')
    expect(due('15 * * * *', '2026-03-29', '01:20:00')).toBe('2026-03-29T01:15:00.000Z')
  })

  test('the hour of the day is that of the time zone on either side', () => {
    const winter = stateAt(nightly('0 6 * * *', 'America/New_York'), '2026-01-10T00:00:00Z', '2026-01-10T12:00:00Z')
    const summer = stateAt(nightly('0 6 * * *', 'America/New_York'), '2026-07-10T00:00:00Z', '2026-07-10T12:00:00Z')
    expect([winter.due, summer.due]).toEqual(['2026-01-10T11:00:00.000Z', '2026-07-10T10:00:00.000Z'])
  })
})

test('every time is handled once, whenever it is looked at, and none is left out of sight', () => {
  const minutes = fc.array(fc.integer({ min: 1, max: 3 * 24 * 60 }), { minLength: 1, maxLength: 20 })
  const crons = fc.constantFrom('0 3 * * *', '*/20 * * * *', '30 2 * * *', '15 1,13 * * 1-5')
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata')
  fc.assert(
    fc.property(minutes, crons, zones, (waits, cron, timeZone) => {
      const schedules = [nightly(cron, timeZone)]
      let now = Date.parse('2026-03-25T00:00:00Z')
      let handled = handledTimes(schedules, [], [], now)
      let lastDue = now
      let announced: number | undefined
      for (const wait of waits) {
        now += wait * 60_000
        const [state] = scheduleStates(schedules, handled, undefined, now)
        if (!state) throw new Error('a schedule has a state')
        // What was announced as the next time is due by then, or a later one is.
        if (announced !== undefined) expect(state.due !== undefined).toBe(announced <= now)
        if (state.due !== undefined) {
          expect(state.due).toBeGreaterThan(lastDue)
          expect(state.due).toBeLessThanOrEqual(now)
          lastDue = state.due
          handled = handledTimes(schedules, handled, [{ name: 'nightly', time: state.due }], now)
          expect(scheduleStates(schedules, handled, undefined, now)[0]?.due).toBeUndefined()
        }
        expect(state.next).toBeGreaterThan(now)
        announced = state.next
      }
    }),
    { numRuns: 200 },
  )
})

test('a schedule that is changed, and one that is new, count from now', () => {
  const now = Date.parse('2026-01-05T12:00:00Z')
  const before = handledTimes([nightly('0 3 * * *')], [], [], Date.parse('2026-01-01T00:00:00Z'))
  const schedules = [nightly('0 4 * * *'), { ...nightly('0 5 * * *'), name: 'early' }]
  expect(scheduleStates(schedules, before, undefined, now).map(({ due }) => due)).toEqual([undefined, undefined])
  const times = handledTimes(schedules, before, [], now)
  expect(times.map(({ name, time }) => [name, time])).toEqual([
    ['nightly', '2026-01-05T12:00:00Z'],
    ['early', '2026-01-05T12:00:00Z'],
  ])
  expect(nextScheduleWords(scheduleStates(schedules, times, undefined, now))).toBe('nightly 2026-01-06T04:00:00Z')
})

test.each([
  ['61 * * * *', 'UTC', 'minute'],
  ['0 3 * * *', 'Mars/Olympus', 'Mars/Olympus'],
  ['0 3 * * MOON', 'UTC', 'MOON'],
])('%s in %s cannot be read, and the words say why', (cron, timeZone, why) => {
  expect(scheduleProblem(nightly(cron, timeZone))).toContain(why)
})

test('what can be read has no problem', () => {
  expect(scheduleProblem(nightly('*/5 1-3 L * MON#2', 'Asia/Kolkata'))).toBeUndefined()
})
