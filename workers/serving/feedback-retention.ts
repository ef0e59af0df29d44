import { feedbackStreams } from '../../crds/events.ts'
import type { LogStore } from '../artifacts/log-store.ts'
import type { Timers } from './micro-batcher.ts'

export interface FeedbackRetentionOptions {
  readonly store: Pick<LogStore, 'removeDays'>
  /** Folder of the store; its streams have a folder for each day (UTC). */
  readonly prefix: string
  readonly retentionDays: number
  readonly timers: Timers
  /** Milliseconds since 1970. */
  now(): number
  onRemoved(stream: string, days: readonly string[]): void
  /** It is tried again an hour later. */
  onFailed(error: unknown): void
}

const dayMilliseconds = 86_400_000
const periodMilliseconds = 3_600_000

/** Removes days of feedback that are older than the spec keeps, now and once an hour; every Pod may. @returns the end */
export function keepFeedback(options: FeedbackRetentionOptions): () => void {
  const { store, prefix, retentionDays, timers, now, onRemoved, onFailed } = options
  let cancel = () => {}
  let isOver = false
  const look = async () => {
    const before = new Date(now() - retentionDays * dayMilliseconds).toISOString().slice(0, 10)
    try {
      for (const stream of feedbackStreams) {
        const days = await store.removeDays(`${prefix}/${stream}`, before)
        if (days.length > 0) onRemoved(stream, days)
      }
    } catch (error) {
      onFailed(error)
    }
    if (!isOver) cancel = timers.after(periodMilliseconds, () => void look())
  }
  void look()
  return () => {
    isOver = true
    cancel()
  }
}
