import type { JobPayload } from '../../crds/jobs.ts'
import type { ArtifactReference, ArtifactStore } from '../artifacts/store.ts'

export interface ProgressUpdate {
  phase: string
  step: number
  totalSteps: number
  metrics?: Record<string, number>
}

export interface Logger {
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
}

/** All that a processor has of the world. It can be run without a queue: give one of these. */
export interface ProcessorContext {
  store: ArtifactStore
  /** A folder of this job's own, empty at the start and removed at the end. */
  scratch: string
  /** Aborted when the job shall stop: cancelled, superseded by another worker, or the worker ends. */
  signal: AbortSignal
  /** Threads to compute with. */
  threads: number
  /** Names this worker's hold of the job; goes into checkpoints. */
  startToken: string
  /** Reports, and lets messages in: await it at least every second or two. @throws JobError once the job shall stop */
  progress(update: ProgressUpdate): Promise<void>
  /** Await it right before a checkpoint counts, and before publishing. @throws JobError when another worker holds the job by now */
  mayWrite(): Promise<void>
  log: Logger
  /** Milliseconds since 1970. */
  now(): number
}

export interface ProcessorOutcome<Summary> {
  artifact: Pick<ArtifactReference, 'digest' | 'sizeBytes'>
  summary: Summary
  /** Set by a processor that found a finished artifact by what only it could read (the content of logs). */
  reused?: boolean
}

export type Processor<Spec, Summary> = (
  payload: JobPayload<Spec>,
  context: ProcessorContext,
) => Promise<ProcessorOutcome<Summary>>
