import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 250

/** Asks until there is an answer; the test's own time limit is the only one. */
export async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    await sleep(pollMs)
  }
}
