import type { Clock } from '../cluster/clock.ts'
import type { Log } from '../cluster/log.ts'

export interface Stoppable {
  name: string
  stop(): Promise<void> | void
}

/**
 * Stops one after the other, each only when the one before has stopped. One that fails does not keep the next from
 * being stopped; when the time is over all that are left are told to stop and not waited for.
 *
 * @returns the names of those that did not stop cleanly.
 */
export async function stopInOrder(
  stoppables: readonly Stoppable[],
  { clock, log, deadlineMs }: { clock: Clock; log: Log; deadlineMs: number },
): Promise<string[]> {
  const unclean: string[] = []
  let timeIsOver = () => {}
  const deadline = new Promise<'late'>((resolve) => {
    timeIsOver = clock.after(deadlineMs, () => resolve('late'))
  })
  for (const stoppable of stoppables) {
    const result = await Promise.race([stopOne(stoppable, log), deadline])
    if (result === 'late') log.error({ part: stoppable.name, deadlineMs }, 'Did not stop in time')
    if (result !== 'stopped') unclean.push(stoppable.name)
  }
  timeIsOver()
  return unclean
}

async function stopOne(stoppable: Stoppable, log: Log): Promise<'stopped' | 'failed'> {
  try {
    await stoppable.stop()
    return 'stopped'
  } catch (error) {
    log.error({ part: stoppable.name, err: error }, 'Failed to stop')
    return 'failed'
  }
}
