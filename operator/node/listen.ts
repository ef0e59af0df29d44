import type { AddressInfo, Server } from 'node:net'
import type { Log } from '../cluster/log.ts'

/** Resolves with the port that is listened on: the one that is asked for, or another where it cannot be had. */
export async function listenOrTakeAnother(
  server: Server,
  { host, port }: { host: string; port: number },
  log: Log,
): Promise<number> {
  try {
    return await listenOn(server, host, port)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    const taken = await listenOn(server, host, 0)
    log.warn({ host, port, taken, code }, 'Port of a Service cannot be had, another is taken')
    return taken
  }
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(error)
    server.once('error', refuse)
    server.listen({ host, port }, () => {
      server.off('error', refuse)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
