/**
 * How a reconcile ended. What happens to the key afterwards is decided from this alone, in controller.ts.
 *
 * `done`: as wanted. `waiting`: for something that will be seen by a watch. `requeueAfter`: look again at that time.
 * `retry`: failed, and may go better. `stalled`: failed, and only a change by a person can help.
 */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'waiting'; on: string }
  | { kind: 'requeueAfter'; delayMs: number }
  | { kind: 'retry'; error: unknown }
  | { kind: 'stalled'; message: string }

export const done = (): Outcome => ({ kind: 'done' })
export const waiting = (on: string): Outcome => ({ kind: 'waiting', on })
export const requeueAfter = (delayMs: number): Outcome => ({ kind: 'requeueAfter', delayMs })
export const retry = (error: unknown): Outcome => ({ kind: 'retry', error })
export const stalled = (message: string): Outcome => ({ kind: 'stalled', message })
