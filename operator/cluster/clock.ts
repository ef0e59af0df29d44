/** Time as the operator uses it: given from outside, so that a simulation can replay hours in milliseconds. */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch: for what people and other processes read. May jump. */
  now(): number
  /** Milliseconds that never go back: for measuring. */
  monotonic(): number
  /** Runs once after `ms`; the function that comes back cancels it. */
  after(ms: number, run: () => void): () => void
}

/** Numbers in [0, 1). */
export type Random = () => number

// setTimeout keeps its delay in 32 bits and fires at once beyond that: a TTL of a month would be over immediately.
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    let timer: NodeJS.Timeout
    const arm = (left: number) => {
      const step = Math.min(left, LONGEST_TIMEOUT_MS)
      timer = setTimeout(() => (left > step ? arm(left - step) : run()), step)
    }
    arm(Math.max(0, ms))
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or as soon as the signal aborts: never rejects, so look at the signal afterwards. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = () => {
      cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const cancel = clock.after(ms, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}

/** metav1.Time: RFC 3339 in whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** metav1.MicroTime: its parser wants exactly six digits of a second. */
export function microTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`
}
