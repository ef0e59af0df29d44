import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch } from 'undici'

export interface SteadyClientOptions {
  perSecond: number
  body: object
  /** A connection for each request: they spread evenly over the Pods. Else connections are kept as long as they last. */
  freshConnections?: boolean
}

export interface Tally {
  answered: number
  /** What went wrong, and when, in milliseconds since the start. */
  failures: { atMs: number; what: string }[]
}

export interface SteadyClient {
  tally: Tally
  /** Until that many further requests were answered or failed. */
  more(requests: number): Promise<void>
  /** Sends no more, and waits for what is under way. */
  stop(): Promise<Tally>
}

const tickMs = 10
const requestTimeoutMs = 40_000

/**
 * A caller that keeps its pace whatever the answers do. Every answer but 200 and every broken connection is a failure;
 * nothing is tried again.
 */
export function startSteadyClient(url: string, options: SteadyClientOptions): SteadyClient {
  const { perSecond, freshConnections = false } = options
  const dispatcher = new Agent({ connections: 256, headersTimeout: requestTimeoutMs })
  const body = JSON.stringify(options.body)
  const tally: Tally = { answered: 0, failures: [] }
  const underWay = new Set<Promise<void>>()
  const started = performance.now()
  let sent = 0
  let stopped = false

  const ask = async () => {
    const headers = { 'content-type': 'application/json', ...(freshConnections ? { connection: 'close' } : {}) }
    const init = { method: 'POST', headers, body, dispatcher }
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(requestTimeoutMs) })
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${response.status} ${text.slice(0, 200)}`)
      tally.answered++
    } catch (error) {
      const cause = (error as { cause?: unknown }).cause
      tally.failures.push({ atMs: Math.round(performance.now() - started), what: String(cause ?? error) })
    }
  }
  const sending = (async () => {
    while (!stopped) {
      const due = Math.floor(((performance.now() - started) / 1000) * perSecond)
      for (; sent < due; sent++) {
        const request: Promise<void> = ask().finally(() => underWay.delete(request))
        underWay.add(request)
      }
      await sleep(tickMs)
    }
  })()

  return {
    tally,
    async more(requests) {
      const wanted = tally.answered + tally.failures.length + requests
      while (tally.answered + tally.failures.length < wanted) await sleep(tickMs)
    },
    async stop() {
      stopped = true
      await sending
      await Promise.all(underWay)
      if (!dispatcher.closed) await dispatcher.close()
      return tally
    },
  }
}
