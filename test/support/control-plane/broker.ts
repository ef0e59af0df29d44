import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import type { ControlPlane } from '../control-plane.ts'
import type { Unavailable } from './unavailable.ts'

/** What test processes are told: all of a control plane but the right to stop it. */
export type SharedControlPlane = Omit<ControlPlane, 'stop'>

export type Answer = SharedControlPlane | Unavailable | { error: string }

export interface Broker {
  /** Path of the Unix socket. */
  socket: string
  close(): Promise<void>
}

/**
 * Tells every test process that asks of the one control plane. Asking may take as long as a build: vitest hands values
 * from the main process to test processes only before the first test, when the build has just begun.
 */
export async function serveControlPlane(socket: string, controlPlane: () => Promise<Answer>): Promise<Broker> {
  const server = createServer((connection) => {
    // A test process that gives up waiting is no concern of ours.
    connection.on('error', () => undefined)
    void controlPlane().then((answer) => connection.end(JSON.stringify(answer)))
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    socket,
    async close() {
      server.close()
      await once(server, 'close')
    },
  }
}

export async function askForControlPlane(socket: string): Promise<Answer> {
  const answer = await text(createConnection(socket))
  if (answer === '') throw new Error('the test run ended before its control plane was ready')
  return JSON.parse(answer) as Answer
}
