import { badRequest } from './status-error.ts'

/** A request for the log of one container, to be answered by the node that runs it. */
export interface PodLogRequest {
  namespace: string
  name: string
  uid: string
  /** Empty: the Pod's only container. */
  container: string
  follow: boolean
  previous: boolean
  timestamps: boolean
  tailLines?: number
  sinceSeconds?: number
  sinceTime?: string
  limitBytes?: number
  /** Aborted when the reader goes away. */
  signal: AbortSignal
}

/** Answers with text; the body of a followed log ends when the container does. */
export type PodLogHandler = (request: PodLogRequest) => Response | Promise<Response>

export function podLogRequest(
  pod: { namespace: string; name: string; uid: string },
  query: URLSearchParams,
  signal: AbortSignal,
): PodLogRequest {
  const tailLines = count(query, 'tailLines')
  const sinceSeconds = count(query, 'sinceSeconds')
  const limitBytes = count(query, 'limitBytes')
  const sinceTime = query.get('sinceTime')
  return {
    ...pod,
    container: query.get('container') ?? '',
    follow: query.get('follow') === 'true',
    previous: query.get('previous') === 'true',
    timestamps: query.get('timestamps') === 'true',
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceTime !== null && { sinceTime }),
    signal,
  }
}

function count(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a whole number`)
  return Number(text)
}
