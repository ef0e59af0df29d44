import type { PodLogHandler } from '../embedded/pod-log.ts'
import { LogNotFoundError } from '../node/log-archive.ts'
import type { LocalNode } from '../node/node.ts'

/** Lets the embedded API server answer `kubectl logs` from what the local node kept. */
export function podLogHandler(node: Pick<LocalNode, 'readLog'>): PodLogHandler {
  return async ({ namespace, name, uid, container, follow, previous, tailLines, signal }) => {
    const chunks = node.readLog({
      namespace,
      pod: name,
      uid,
      follow,
      previous,
      signal,
      ...(container ? { container } : {}),
      ...(tailLines === undefined ? {} : { tailLines }),
    })
    const iterator = chunks[Symbol.asyncIterator]()
    try {
      // The first read tells whether there is such a log, while the status can still say so.
      const first = await iterator.next()
      return new Response(ReadableStream.from(resumed(first, iterator)), { headers: { 'content-type': 'text/plain' } })
    } catch (error) {
      if (!(error instanceof LogNotFoundError)) throw error
      return notFound(error.message)
    }
  }
}

async function* resumed(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value
}

function notFound(message: string): Response {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404, message }
  return Response.json(status, { status: 404 })
}
