import type { JobFailure, JobPayload } from '../../crds/jobs.ts'
import type { ProcessorOutcome, ProgressUpdate } from '../processors/context.ts'

/** What the main thread of a worker gives the thread that runs a job. */
export interface JobThreadData {
  payload: JobPayload
  storeUri: string
  scratch: string
  threads: number
  startToken: string
  /** One Int32: 0 while the job may go on, 1 once it shall stop. Read where no message can come in between. */
  stopFlag: SharedArrayBuffer
}

export type ToJobThread =
  | { type: 'stop'; failure: JobFailure }
  | { type: 'mayWriteAnswer'; id: number; failure?: JobFailure }

export type FromJobThread =
  | { type: 'progress'; update: ProgressUpdate }
  | { type: 'mayWrite'; id: number }
  | { type: 'log'; level: 'info' | 'warn'; message: string; fields?: Record<string, unknown> }
  | { type: 'done'; outcome: ProcessorOutcome<unknown> }
  | { type: 'failed'; failure: JobFailure }
