import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WorkQueue, type WorkQueueOptions } from '../../../operator/control/workqueue.ts'
import { FakeClock, seededRandom, settle } from '../../support/fake-clock.ts'

function makeQueue(options: Partial<WorkQueueOptions> = {}) {
  const clock = new FakeClock()
  const queue = new WorkQueue({ clock, random: seededRandom(7), ...options })
  return { clock, queue }
}

describe('a work queue', () => {
  it('hands out a key once however often it was added', async () => {
    const { queue } = makeQueue()
    for (const key of ['a', 'a', 'b', 'a']) queue.add(key)
    expect(queue.depth).toBe(2)
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b'])
  })

  it('hands out a key once more when it was added while it was worked on, and not before', async () => {
    const { queue } = makeQueue()
    queue.add('a')
    const key = await queue.take()
    queue.add('a')
    queue.add('a')
    let again: string | undefined
    void queue.take().then((taken) => {
      again = taken
    })
    await settle()
    expect([key, again]).toEqual(['a', undefined])
    queue.done('a')
    await settle()
    expect(again).toBe('a')
    queue.done('a')
    expect(queue.depth).toBe(0)
  })

  it('keeps the earliest of several delays', async () => {
    const { clock, queue } = makeQueue()
    queue.addAfter('a', 1000)
    queue.addAfter('a', 300)
    queue.addAfter('a', 2000)
    await clock.advance(299)
    expect(queue.depth).toBe(0)
    await clock.advance(1)
    expect(queue.depth).toBe(1)
    await clock.advance(5000)
    expect([queue.depth, queue.delayed, clock.pendingTimers]).toEqual([1, 0, 0])
  })

  it('backs off per key, doubling with jitter up to the limit, and starts over after a success', () => {
    const { queue } = makeQueue({ backoff: { baseMs: 100, maxMs: 1000 } })
    const delays = Array.from({ length: 6 }, () => queue.retry('a'))
    const limits = [100, 200, 400, 800, 1000, 1000]
    for (const [place, limit] of limits.entries()) {
      expect(delays[place]).toBeGreaterThanOrEqual(limit / 2)
      expect(delays[place]).toBeLessThan(limit)
    }
    expect(queue.retry('b')).toBeLessThan(100)
    queue.forget('a')
    expect(queue.failures('a')).toBe(0)
    expect(queue.retry('a')).toBeLessThan(100)
    expect(queue.retry('c', 5000)).toBe(5000)
  })

  it('hands out no faster than the bucket fills', async () => {
    const { clock, queue } = makeQueue({ bucket: { ratePerSecond: 10, burst: 3 } })
    let taken = 0
    const work = async () => {
      for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
        taken++
        queue.done(key)
      }
    }
    void work()
    for (let key = 0; key < 20; key++) queue.add(`k${key}`)
    await clock.advance(0)
    expect(taken).toBe(3)
    await clock.advance(1000)
    expect(taken).toBe(13)
    await clock.advance(1000)
    expect(taken).toBe(20)
  })

  it('drains on shutdown: hands out what waits, also again, then lets the takers go', async () => {
    const { clock, queue } = makeQueue()
    queue.add('a')
    queue.add('b')
    queue.addAfter('later', 500)
    expect(await queue.take()).toBe('a')
    queue.add('a')
    let drained = false
    void queue.shutDown().then(() => {
      drained = true
    })
    queue.add('late')
    expect(await queue.take()).toBe('b')
    queue.done('b')
    const next = queue.take()
    await settle()
    expect(drained).toBe(false)
    queue.done('a')
    expect(await next).toBe('a')
    await settle()
    expect(drained).toBe(false)
    queue.done('a')
    await settle()
    expect([drained, await queue.take(), clock.pendingTimers]).toEqual([true, undefined, 0])
  })

  it('refuses to be told that a key is done which it did not hand out', () => {
    expect(() => makeQueue().queue.done('a')).toThrow('"a" is not being worked on')
  })

  it('never hands out a key twice at once and never loses one', async () => {
    type Step = { add: number } | { after: number; ms: number } | { retry: number } | { advance: number }
    const key = fc.nat({ max: 4 })
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ add: key }),
      fc.record({ after: key, ms: fc.integer({ min: 0, max: 90 }) }),
      fc.record({ retry: key }),
      fc.record({ advance: fc.integer({ min: 0, max: 60 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 3 }), async (steps, workers) => {
        const { clock, queue } = makeQueue({ bucket: { ratePerSecond: 200, burst: 2 } })
        const running = new Set<string>()
        // When each key was last asked for, and when the work on it last began.
        const asked = new Map<string, number>()
        const begun = new Map<string, number>()
        let order = 0
        const ask = (name: string, add: () => void) => {
          asked.set(name, order++)
          add()
        }
        const work = async () => {
          for (let name = await queue.take(); name !== undefined; name = await queue.take()) {
            expect(running.has(name)).toBe(false)
            running.add(name)
            begun.set(name, order++)
            const busy = name
            await new Promise<void>((resolve) => clock.after(busy.length * 7, resolve))
            running.delete(name)
            queue.done(name)
          }
        }
        const team = Array.from({ length: workers }, work)
        for (const one of steps) {
          if ('add' in one) ask(`k${one.add}`, () => queue.add(`k${one.add}`))
          else if ('after' in one) ask(`k${one.after}`, () => queue.addAfter(`k${one.after}`, one.ms))
          else if ('retry' in one) ask(`k${one.retry}`, () => queue.retry(`k${one.retry}`))
          else await clock.advance(one.advance)
        }
        await clock.advance(60_000)
        for (const [name, at] of asked) expect(begun.get(name)).toBeGreaterThan(at)
        expect([queue.depth, queue.running, queue.delayed]).toEqual([0, 0, 0])
        await queue.shutDown()
        await Promise.all(team)
      }),
      { numRuns: 40 },
    )
  })
})
