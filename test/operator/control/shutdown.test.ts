import { describe, expect, it } from 'vitest'
import { type Stoppable, stopInOrder } from '../../../operator/control/shutdown.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'

function setUp() {
  const clock = new FakeClock()
  const log = fakeLog()
  const steps: string[] = []
  const part = (name: string, ms: number): Stoppable => ({
    name,
    async stop() {
      steps.push(`${name} begins`)
      await new Promise<void>((resolve) => clock.after(ms, resolve))
      steps.push(`${name} ends`)
    },
  })
  return { clock, log, steps, part }
}

describe('a graceful stop', () => {
  it('stops one part after the other', async () => {
    const { clock, log, steps, part } = setUp()
    const stopped = stopInOrder([part('server', 50), part('controllers', 10)], { clock, log, deadlineMs: 1000 })
    await clock.advance(100)
    expect(await stopped).toEqual([])
    expect(steps).toEqual(['server begins', 'server ends', 'controllers begins', 'controllers ends'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('goes on past a part that fails', async () => {
    const { clock, log, steps, part } = setUp()
    const broken = {
      name: 'broken',
      stop() {
        throw new Error('no')
      },
    }
    const stopped = stopInOrder([broken, part('rest', 1)], { clock, log, deadlineMs: 1000 })
    await clock.advance(100)
    expect(await stopped).toEqual(['broken'])
    expect(steps).toEqual(['rest begins', 'rest ends'])
  })

  it('waits for nobody once the time is over, but tells all', async () => {
    const { clock, log, steps, part } = setUp()
    const stopped = stopInOrder([part('slow', 9000), part('last', 10)], { clock, log, deadlineMs: 1000 })
    await clock.advance(1000)
    expect(await stopped).toEqual(['slow', 'last'])
    expect(steps).toEqual(['slow begins', 'last begins'])
    expect(log.lines.map((line) => line.message)).toEqual(['Did not stop in time', 'Did not stop in time'])
  })
})
