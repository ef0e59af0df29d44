// Callers of a server under load.

import type { Agent } from 'undici'

export interface Sample {
  readonly perSecond: number
  /** Milliseconds of each call. */
  readonly latencies: number[]
}

/** The body of the answer. @throws where it is refused */
export async function rank(agent: Agent, origin: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const answer = await agent.request({ origin, path: '/v1/rank', method: 'POST', headers, body })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`/v1/rank answered ${answer.statusCode}: ${text.slice(0, 200)}`)
  return text
}

/** So many callers, each of which asks again once it has its answer, until the time is over. */
export async function loop(
  callers: number,
  requestsPerCall: number,
  seconds: number,
  ask: (index: number) => Promise<unknown>,
): Promise<Sample> {
  const latencies: number[] = []
  const started = performance.now()
  const end = started + seconds * 1000
  let next = 0
  const caller = async () => {
    while (performance.now() < end) {
      const index = next
      next += requestsPerCall
      const asked = performance.now()
      await ask(index)
      latencies.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return { perSecond: (latencies.length * requestsPerCall * 1000) / (performance.now() - started), latencies }
}
