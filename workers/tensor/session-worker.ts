// The thread behind a SessionThread: one session, one run at a time, in the order in which they were asked for.

import { parentPort, workerData } from 'node:worker_threads'
import { Session } from './session.ts'
import type { ThreadRequest, ThreadResponse, ThreadStart } from './session-thread.ts'

const port = parentPort
if (port === null) throw new Error('session-worker.ts runs only as a worker thread; start it through SessionThread')

const send = (response: ThreadResponse): void => port.postMessage(response)
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const answer = async (session: Session, request: ThreadRequest): Promise<void> => {
  if (request.kind === 'release') {
    await session.release()
    port.close()
    return
  }
  try {
    send({ kind: 'result', id: request.id, outputs: await session.run(request.inputs) })
  } catch (error) {
    send({ kind: 'failure', id: request.id, message: messageOf(error) })
  }
}

const serve = async ({ model, options }: ThreadStart): Promise<void> => {
  const session = await Session.create(model, options)
  let last = Promise.resolve()
  port.on('message', (request: ThreadRequest) => {
    last = last.then(() => answer(session, request))
  })
  send({ kind: 'ready', inputNames: session.inputNames, outputNames: session.outputNames })
}

await serve(workerData as ThreadStart)
