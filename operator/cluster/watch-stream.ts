import { type FailedRequest, WatchLineError } from './errors.ts'
import type { WatchEvent } from './objects.ts'
import { networkError } from './request.ts'

/**
 * The events of a watch's body, one JSON object a line. Ends when the server ends the body or the signal aborts, and
 * closes the connection however the reader leaves.
 */
export async function* watchEvents<T>(
  request: FailedRequest,
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of lines(request, body, signal)) {
    if (line.trim() !== '') yield parseEvent<T>(request, line)
  }
}

async function* lines(
  request: FailedRequest,
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const close = () => void reader.cancel().catch(() => {})
  if (signal.aborted) close()
  signal.addEventListener('abort', close, { once: true })
  let rest: string[] = []
  try {
    for (;;) {
      const chunk = await reader.read()
      if (signal.aborted) return
      if (chunk.done) break
      const pieces = decoder.decode(chunk.value, { stream: true }).split('\n')
      const last = pieces.pop() ?? ''
      for (const piece of pieces) {
        yield rest.length ? rest.join('') + piece : piece
        rest = []
      }
      rest.push(last)
    }
    yield rest.join('')
  } catch (error) {
    if (signal.aborted) return
    throw networkError(request, error)
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}

const TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'])

function parseEvent<T>(request: FailedRequest, line: string): WatchEvent<T> {
  let event: unknown
  try {
    event = JSON.parse(line)
  } catch (error) {
    throw new WatchLineError(request, line, error)
  }
  const known =
    typeof event === 'object' && event !== null && 'type' in event && 'object' in event && TYPES.has(String(event.type))
  if (!known) throw new WatchLineError(request, line)
  return event as WatchEvent<T>
}
