import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const main = join(import.meta.dirname, '..', '..', 'workers', 'serving', 'main.ts')

export interface ServerProcess {
  readonly url: string
  stop(): Promise<void>
}

/**
 * A server as a Pod runs it, on loopback, once it is ready; all settings but those given are the defaults.
 * @param serving fields of `spec.serving`
 */
export async function startServer(
  storeUri: string,
  digest: string,
  threads: number,
  serving: object = {},
): Promise<ServerProcess> {
  const port = await freePort()
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      ADLOOM_NAME: 'bench',
      ADLOOM_MODEL: digest,
      ADLOOM_STORE: storeUri,
      ADLOOM_SERVING: JSON.stringify({ ...serving, port, threads }),
      ADLOOM_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}; it says why above`)
    await sleep(50)
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined)
  await answer?.arrayBuffer()
  return answer?.status === 200
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
