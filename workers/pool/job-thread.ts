import { mkdir, rm } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { JobFailure, JobPayload } from '../../crds/jobs.ts'
import { CorruptArtifactError } from '../artifacts/errors.ts'
import { openStore } from '../artifacts/open-store.ts'
import type { ProcessorContext } from '../processors/context.ts'
import { JobError, toJobFailure } from '../processors/job-error.ts'
import { processors } from '../processors/processors.ts'
import type { FromJobThread, JobThreadData, ToJobThread } from './job-channel.ts'

/** Thread that runs one job: ONNX Runtime blocks the thread that calls it, and the lock must still be renewed. */

if (!parentPort) throw new Error('job-thread.ts runs as a worker thread of workers/main.ts')
const port = parentPort
const data = workerData as JobThreadData
const stopFlag = new Int32Array(data.stopFlag)
const aborter = new AbortController()
const questions = new Map<number, (failure: JobFailure | undefined) => void>()
let stopFailure: JobFailure | undefined
let lastQuestion = 0

const send = (message: FromJobThread) => port.postMessage(message)

port.on('message', (message: ToJobThread) => {
  if (message.type === 'stop') {
    stopFailure = message.failure
    aborter.abort(asError(message.failure))
  } else {
    questions.get(message.id)?.(message.failure)
    questions.delete(message.id)
  }
})

function asError(failure: JobFailure): JobError {
  return new JobError(failure.reason, failure.message, { retryable: failure.retryable })
}

/**
 * Far below the time that a hold on a job lasts without being renewed. An answer that took longer may be of before a stop
 * of this process, and another worker may have the job by now.
 */
const freshMilliseconds = 2000

function askWhetherHeld(): Promise<JobFailure | undefined> {
  const id = ++lastQuestion
  const { promise, resolve } = Promise.withResolvers<JobFailure | undefined>()
  questions.set(id, resolve)
  send({ type: 'mayWrite', id })
  return promise
}

async function throwIfStopped(): Promise<void> {
  if (Atomics.load(stopFlag, 0) === 0) return
  // The flag is set before the message that says why is sent.
  while (!stopFailure) await turn()
  throw asError(stopFailure)
}

const store = openStore(data.storeUri, { scratch: data.scratch })

const context: ProcessorContext = {
  // Asked last of all, when everything is written and nothing is visible yet: a worker that lost the job meanwhile
  // publishes nothing.
  store: {
    ...store,
    publish: (request, write) =>
      store.publish(request, async (directory) => {
        const metadata = await write(directory)
        await context.mayWrite()
        return metadata ?? {}
      }),
  },
  scratch: data.scratch,
  signal: aborter.signal,
  threads: data.threads,
  startToken: data.startToken,
  async progress(update) {
    send({ type: 'progress', update })
    await turn()
    await throwIfStopped()
  },
  async mayWrite() {
    for (;;) {
      await throwIfStopped()
      const asked = performance.now()
      const failure = await askWhetherHeld()
      if (failure) throw asError(failure)
      if (performance.now() - asked < freshMilliseconds) return
    }
  },
  log: {
    info: (message, fields) => send({ type: 'log', level: 'info', message, ...(fields ? { fields } : {}) }),
    warn: (message, fields) => send({ type: 'log', level: 'warn', message, ...(fields ? { fields } : {}) }),
  },
  now: Date.now,
}

try {
  await rm(data.scratch, { recursive: true, force: true })
  await mkdir(data.scratch, { recursive: true })
  // The kind of the payload names the processor whose spec it carries.
  const outcome = await processors[data.payload.kind](data.payload as JobPayload<never>, context)
  send({ type: 'done', outcome })
} catch (error) {
  // Moved aside, it counts as missing, and whoever made it makes it again.
  if (error instanceof CorruptArtifactError)
    await context.store.quarantine(error.corruption.digest).catch(() => undefined)
  // Whatever broke after the stop broke because of it.
  send({ type: 'failed', failure: stopFailure ?? toJobFailure(error) })
} finally {
  await rm(data.scratch, { recursive: true, force: true }).catch(() => undefined)
  port.close()
}
