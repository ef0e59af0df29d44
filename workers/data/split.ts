/** Where each user's sequence is cut: training, validation, test. */
import type { SplitSpec } from './dataset-spec.ts'
import { type Database, toNumber } from './duckdb.ts'
import { BadDataError } from './errors.ts'

/** Too short to give away two: all of it is for training. */
const LEAST_FOR_LEAVE_ONE_OUT = 3

/** Milliseconds since 1970: validation begins with the first time at or after its start, the test likewise. */
export interface SplitTimes {
  validationStart: number
  testStart: number
}

export interface Cut {
  /** Events [0, trainEnd) are for training. */
  trainEnd: number
  /** Events [trainEnd, validationEnd) are for validation, the rest for the test. */
  validationEnd: number
}

/** Last one for the test, the one before for validation. */
export function leaveOneOut(length: number): Cut {
  return length < LEAST_FOR_LEAVE_ONE_OUT
    ? { trainEnd: length, validationEnd: length }
    : { trainEnd: length - 2, validationEnd: length - 1 }
}

/** SQL: trainEnd of leave-one-out, from a column that holds the length of the user's sequence. */
export const trainingLength = (length: string): string =>
  `CASE WHEN ${length} < ${LEAST_FOR_LEAVE_ONE_OUT} THEN ${length} ELSE ${length} - 2 END`

/** SQL: validationEnd of leave-one-out, likewise. */
export const validationLength = (length: string): string =>
  `CASE WHEN ${length} < ${LEAST_FOR_LEAVE_ONE_OUT} THEN ${length} ELSE ${length} - 1 END`

/**
 * The times at which a temporal split cuts; undefined for leave-one-out. Shares are of all interactions, and events of
 * one instant stay on one side, so they hold as nearly as ties allow.
 * @throws BadDataError when the data have no times or the spec gives no or contradicting bounds
 */
export async function findSplitTimes(
  database: Database,
  split: SplitSpec,
  data: { interactions: number; hasTimes: boolean },
): Promise<SplitTimes | undefined> {
  if (split.strategy === 'LeaveOneOut') return undefined
  if (!data.hasTimes) {
    throw new BadDataError(
      'InvalidSpec',
      'A Temporal split needs times. Set spec.interactions.columns.time, or spec.split.strategy to LeaveOneOut.',
    )
  }
  const times = timesOfSpec(split) ?? (await timesOfShares(database, split, data.interactions))
  if (times.validationStart > times.testStart) {
    throw new BadDataError('InvalidSpec', 'spec.split: validation must start before the test.')
  }
  return times
}

function timesOfSpec(split: SplitSpec): SplitTimes | undefined {
  if (split.testStartTime === undefined) return undefined
  const testStart = Date.parse(split.testStartTime)
  const validationStart = split.validationStartTime === undefined ? testStart : Date.parse(split.validationStartTime)
  if (Number.isNaN(testStart) || Number.isNaN(validationStart)) {
    throw new BadDataError('InvalidSpec', 'spec.split: validationStartTime and testStartTime must be RFC 3339 times.')
  }
  return { validationStart, testStart }
}

async function timesOfShares(database: Database, split: SplitSpec, interactions: number): Promise<SplitTimes> {
  const { validationPercent = 0, testPercent } = split
  if (testPercent === undefined) {
    throw new BadDataError('InvalidSpec', 'spec.split: Temporal needs testPercent or testStartTime.')
  }
  const timeAt = async (percent: number): Promise<number> => {
    const offset = Math.min(interactions - 1, Math.floor((interactions * percent) / 100))
    const [row] = await database.rows(`SELECT time_ms FROM events ORDER BY time_ms LIMIT 1 OFFSET ${offset}`)
    return toNumber(row.time_ms)
  }
  return {
    validationStart: await timeAt(100 - testPercent - validationPercent),
    testStart: await timeAt(100 - testPercent),
  }
}
