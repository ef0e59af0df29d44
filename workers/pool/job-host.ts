import { join } from 'node:path'
import { Worker as Thread } from 'node:worker_threads'
import type { JobFailure, JobPayload } from '../../crds/jobs.ts'
import type { Logger, ProcessorOutcome, ProgressUpdate } from '../processors/context.ts'
import type { FromJobThread, JobThreadData, ToJobThread } from './job-channel.ts'

export interface JobHostOptions {
  storeUri: string
  scratchRoot: string
  threads: number
  /** How long a job that was told to stop may take before its thread is ended. */
  stopGraceMilliseconds: number
  log: Logger
}

export interface JobEvents {
  onProgress(update: ProgressUpdate): void
  /** Answers with the failure to stop with, or nothing when the job is still this worker's. */
  mayWrite(): Promise<JobFailure | undefined>
}

export type JobEnd = { outcome: ProcessorOutcome<unknown> } | { failure: JobFailure }

/** A job that runs in a thread of its own. */
export class RunningJob {
  readonly #thread: Thread
  readonly #stopFlag = new SharedArrayBuffer(4)
  readonly #options: JobHostOptions
  readonly #end = Promise.withResolvers<JobEnd>()
  #stopTimer: NodeJS.Timeout | undefined
  #stopFailure: JobFailure | undefined

  constructor(payload: JobPayload, startToken: string, events: JobEvents, options: JobHostOptions) {
    this.#options = options
    const workerData: JobThreadData = {
      payload,
      storeUri: options.storeUri,
      scratch: join(options.scratchRoot, startToken),
      threads: options.threads,
      startToken,
      stopFlag: this.#stopFlag,
    }
    this.#thread = new Thread(new URL('./job-thread.ts', import.meta.url), { workerData })
    this.#thread.on('message', (message: FromJobThread) => this.#receive(message, events))
    this.#thread.on('error', (error) => this.#finish({ failure: crashed(String(error)) }))
    this.#thread.on('exit', (code) => this.#finish({ failure: this.#stopFailure ?? crashed(`exit code ${code}`) }))
  }

  /** How the job ended; never rejects. */
  get end(): Promise<JobEnd> {
    return this.#end.promise
  }

  /** Tells the job to stop, and ends its thread when it does not. */
  stop(failure: JobFailure): void {
    if (this.#stopFailure) return
    this.#stopFailure = failure
    Atomics.store(new Int32Array(this.#stopFlag), 0, 1)
    this.#send({ type: 'stop', failure })
    this.#stopTimer = setTimeout(() => void this.#thread.terminate(), this.#options.stopGraceMilliseconds)
  }

  #send(message: ToJobThread): void {
    this.#thread.postMessage(message)
  }

  #receive(message: FromJobThread, events: JobEvents): void {
    if (message.type === 'progress') events.onProgress(message.update)
    else if (message.type === 'log') this.#options.log[message.level](message.message, message.fields)
    else if (message.type === 'mayWrite') void this.#answer(message.id, events)
    else if (message.type === 'done') this.#finish({ outcome: message.outcome })
    else this.#finish({ failure: message.failure })
  }

  async #answer(id: number, events: JobEvents): Promise<void> {
    const failure = await events.mayWrite()
    this.#send({ type: 'mayWriteAnswer', id, ...(failure ? { failure } : {}) })
  }

  #finish(end: JobEnd): void {
    clearTimeout(this.#stopTimer)
    this.#end.resolve(end)
  }
}

const crashed = (what: string): JobFailure => ({
  reason: 'WorkerCrashed',
  message: `the thread of the job ended: ${what}`,
  retryable: true,
})
