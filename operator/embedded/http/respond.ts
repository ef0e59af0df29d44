import { StatusError } from '../status-error.ts'

export function respond(
  body: unknown,
  options: { code?: number; contentType?: string; warnings?: string[] } = {},
): Response {
  const headers = new Headers({
    'content-type': options.contentType ?? 'application/json',
    'cache-control': 'no-cache, private',
  })
  for (const warning of options.warnings ?? []) headers.append('warning', `299 - ${JSON.stringify(warning)}`)
  return new Response(`${JSON.stringify(body)}\n`, { status: options.code ?? 200, headers })
}

export function respondText(text: string, code = 200): Response {
  return new Response(text, { status: code, headers: { 'content-type': 'text/plain; charset=utf-8' } })
}

/** Anything that is not a StatusError is a fault of this server: 500. */
export function respondError(error: unknown): Response {
  const refusal = error instanceof StatusError ? error : internalError(error)
  const response = respond(refusal.status, { code: refusal.status.code })
  const seconds = refusal.status.details?.retryAfterSeconds
  if (seconds !== undefined) response.headers.set('retry-after', String(seconds))
  return response
}

function internalError(error: unknown): StatusError {
  const message = error instanceof Error ? error.message : String(error)
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`)
}
