import { failureReasons } from '../../../crds/jobs.ts'

const firstRetryMs = 10_000
const longestRetryMs = 600_000

/** Why an attempt ended without being a failure of the work: it is tried again at once and not counted. */
export const uncounted: readonly string[] = [
  failureReasons.cancelled,
  failureReasons.superseded,
  failureReasons.engineMismatch,
  failureReasons.workerStopped,
]

/** Delay before the attempt after the n-th failure, n from 1. */
export const retryDelayMs = (failures: number): number =>
  Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 30), longestRetryMs)
