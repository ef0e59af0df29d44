import { Cron } from 'croner'
import type { RankerPipelineSpec } from '../../../crds/kinds/ranker-pipeline.ts'
import type { PipelineStatus } from '../../../crds/pipeline-status.ts'
import { timestamp } from '../../cluster/clock.ts'

export type Schedule = NonNullable<RankerPipelineSpec['triggers']['schedules']>[number]
type Handled = NonNullable<PipelineStatus['lastScheduleTimes']>[number]

export interface ScheduleState {
  name: string
  /** The latest time that has passed since the last one handled, and may still start a run; milliseconds. */
  due?: number
  /** The latest time that passed too long ago. */
  missed?: number
  /** The next time to come; absent where there is none, such as 30 February. */
  next?: number
}

const secondMs = 1000

/**
 * A list or range of hours is a fixed time as much as a single one is, so `0 2,14 * * *` loses no time in spring and
 * doubles none in autumn.
 *
 * @throws what croner throws at a pattern or a time zone that it cannot read
 */
const cronOf = ({ cron, timeZone }: Schedule): Cron =>
  new Cron(cron, { timezone: timeZone, mode: '5-part', fixedTimeRule: 'no-wildcard', paused: true })

/** What is wrong with a schedule that the schema let through, in a sentence. */
export function scheduleProblem(schedule: Schedule): string | undefined {
  try {
    cronOf(schedule).nextRun(new Date(0))
    return undefined
  } catch (error) {
    const why = error instanceof Error ? error.message.split('. ', 1)[0] : String(error)
    return `schedule "${schedule.name}" cannot be read: ${why}`
  }
}

/** Which times have passed since those in status, and which comes next. */
export function scheduleStates(
  schedules: readonly Schedule[],
  handled: readonly Handled[],
  startingDeadlineSeconds: number | undefined,
  now: number,
): ScheduleState[] {
  return schedules.map((schedule) => {
    const cron = cronOf(schedule)
    const last = handled.find((one) => one.name === schedule.name && one.schedule === wordsOf(schedule))
    const next = cron.nextRun(new Date(now))?.getTime()
    const state = { name: schedule.name, ...(next === undefined ? {} : { next }) }
    const latest = last && latestTime(cron, now)
    if (latest === undefined || latest <= Date.parse(last?.time ?? '')) return state
    const late = startingDeadlineSeconds !== undefined && now - latest > startingDeadlineSeconds * secondMs
    return late ? { ...state, missed: latest } : { ...state, due: latest }
  })
}

/** The latest time up to now, itself included. */
function latestTime(cron: Cron, now: number): number | undefined {
  const afterNow = Math.floor(now / secondMs) * secondMs + secondMs
  return cron.previousRuns(1, new Date(afterNow))[0]?.getTime()
}

/** How far each schedule is after `done` were handled; one that is new, or has changed, is counted from now on. */
export function handledTimes(
  schedules: readonly Schedule[],
  before: readonly Handled[],
  done: readonly { name: string; time: number }[],
  now: number,
): Handled[] {
  return schedules.map((schedule) => {
    const { name } = schedule
    const words = wordsOf(schedule)
    const last = before.find((one) => one.name === name && one.schedule === words)
    const time = done.find((one) => one.name === name)?.time
    return { name, schedule: words, time: time === undefined ? (last?.time ?? timestamp(now)) : timestamp(time) }
  })
}

const wordsOf = ({ cron, timeZone }: Schedule): string => `${cron} ${timeZone}`

/** The schedule that is due next, as the table shows it. */
export function nextScheduleWords(states: readonly ScheduleState[]): string | undefined {
  const [first] = states
    .flatMap(({ name, next }) => (next === undefined ? [] : [{ name, next }]))
    .sort((a, b) => a.next - b.next)
  return first && `${first.name} ${timestamp(first.next)}`
}
