/** An instant query of the Prometheus HTTP API (prometheus.io/docs/prometheus/latest/querying/api). */
export const queryUrl = (base: string, query: string): string =>
  `${base.replace(/\/$/, '')}/api/v1/query?${new URLSearchParams({ query })}`

interface Body {
  status?: string
  error?: string
  data?: { resultType?: string; result?: unknown }
}

/** The one number of an answer: a scalar, or a vector of one entry. */
export function answerOf(text: string): { value: number } | { error: string } {
  let body: Body
  try {
    body = JSON.parse(text) as Body
  } catch {
    return { error: 'Prometheus answered something that is no JSON' }
  }
  if (body.status !== 'success')
    return { error: `Prometheus refused the query: ${String(body.error ?? body.status).slice(0, 200)}` }
  const { resultType, result } = body.data ?? {}
  const entries = Array.isArray(result) ? (result as unknown[]) : []
  if (resultType === 'scalar') return numberOf(entries)
  if (resultType !== 'vector') return { error: `the query gives a ${resultType}, not one number` }
  if (entries.length !== 1) return { error: `the query gives ${entries.length} series, not one` }
  const [entry] = entries
  const value = typeof entry === 'object' && entry !== null && 'value' in entry ? entry.value : undefined
  return numberOf(Array.isArray(value) ? (value as unknown[]) : [])
}

function numberOf([, text]: readonly unknown[]): { value: number } | { error: string } {
  const value = Number(text)
  return typeof text === 'string' && Number.isFinite(value)
    ? { value }
    : { error: `the query gives ${String(text)}, no number` }
}
