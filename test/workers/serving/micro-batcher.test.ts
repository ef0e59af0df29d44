import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BatcherOptions,
  MicroBatcher,
  QueueFullError,
  RequestTimeoutError,
} from '../../../workers/serving/micro-batcher.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

const defaults: BatcherOptions = {
  maxBatchSize: 4,
  maxBatchDelayMilliseconds: 5,
  maxQueueLength: 100,
  requestTimeoutMilliseconds: 1000,
}

/** A batcher over a decoder that answers `n` with `n * 10` after some time, and keeps what it was asked. */
function scene(changed: Partial<BatcherOptions> = {}, decodeMilliseconds = 20) {
  const clock = new FakeClock()
  const runs: { at: number; requests: number[] }[] = []
  const observed: { size: number; milliseconds: number; error?: unknown }[] = []
  let failure: Error | undefined
  const batcher = new MicroBatcher<number, number>(
    async (requests) => {
      runs.push({ at: clock.monotonic(), requests: [...requests] })
      await new Promise<void>((resolve) => clock.after(decodeMilliseconds, resolve))
      if (failure) throw failure
      return requests.map((request) => request * 10)
    },
    { ...defaults, ...changed },
    clock,
    { onRun: (size, milliseconds, error) => observed.push({ size, milliseconds, error }) },
  )
  const fail = (error: Error | undefined) => {
    failure = error
  }
  return { batcher, clock, runs, observed, fail }
}

/** Settles as a value, so that a rejection that nobody awaits yet is no unhandled one. */
const outcome = <T>(promise: Promise<T>) =>
  promise.then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  )

describe('the micro-batcher', () => {
  it('waits for others as long as it may, then decodes them together', async () => {
    const { batcher, clock, runs, observed } = scene()
    const first = batcher.submit([1])
    await clock.advance(3)
    const second = batcher.submit([2])
    expect(batcher.length).toBe(2)
    await clock.advance(2)
    expect(batcher.length).toBe(0)
    await clock.advance(20)
    expect(runs).toEqual([{ at: 5, requests: [1, 2] }])
    expect(await first).toEqual([{ answer: 10, queueMilliseconds: 5, decodeMilliseconds: 20 }])
    expect(await second).toEqual([{ answer: 20, queueMilliseconds: 2, decodeMilliseconds: 20 }])
    expect(observed).toEqual([{ size: 2, milliseconds: 20, error: undefined }])
  })

  it('does not wait once a batch is full, and gathers the next one while it decodes', async () => {
    const { batcher, clock, runs } = scene()
    const calls = [1, 2, 3, 4, 5, 6].map((request) => batcher.submit([request]))
    await clock.advance(40)
    expect(runs).toEqual([
      { at: 0, requests: [1, 2, 3, 4] },
      { at: 20, requests: [5, 6] },
    ])
    expect((await Promise.all(calls)).flat().map(({ answer }) => answer)).toEqual([10, 20, 30, 40, 50, 60])
  })

  it('takes all requests of a call or none', async () => {
    const { batcher, clock, runs } = scene({ maxQueueLength: 3 })
    const taken = batcher.submit([1, 2])
    await expect(batcher.submit([3, 4])).rejects.toThrow(QueueFullError)
    const last = batcher.submit([5])
    await clock.advance(100)
    expect((await taken).map(({ answer }) => answer)).toEqual([10, 20])
    expect((await last).map(({ answer }) => answer)).toEqual([50])
    expect(runs.flatMap(({ requests }) => requests)).toEqual([1, 2, 5])
  })

  it('gives up what has waited too long, and does not decode it', async () => {
    const { batcher, clock, runs } = scene({ requestTimeoutMilliseconds: 30, maxBatchSize: 1 }, 50)
    const calls = [1, 2, 3].map((request) => outcome(batcher.submit([request])))
    await clock.advance(200)
    for (const { error } of await Promise.all(calls)) expect(error).toBeInstanceOf(RequestTimeoutError)
    expect(runs.map(({ requests }) => requests)).toEqual([[1]])
    expect(clock.pendingTimers).toBe(0)
  })

  it('drops whom the caller no longer wants', async () => {
    const { batcher, clock, runs } = scene()
    const aborter = new AbortController()
    const gone = outcome(batcher.submit([1, 2], aborter.signal))
    const stays = batcher.submit([3])
    aborter.abort(new Error('left'))
    expect((await gone).error).toEqual(new Error('left'))
    await clock.advance(30)
    expect(runs.map(({ requests }) => requests)).toEqual([[3]])
    expect((await stays)[0].answer).toBe(30)
    await expect(batcher.submit([4], aborter.signal)).rejects.toThrow('left')
    expect(clock.pendingTimers).toBe(0)
  })

  it('fails the batch that failed and goes on with the next', async () => {
    const { batcher, clock, observed, fail } = scene()
    fail(new Error('no memory'))
    const failed = outcome(batcher.submit([1]))
    await clock.advance(25)
    expect((await failed).error).toEqual(new Error('no memory'))
    fail(undefined)
    const next = batcher.submit([2])
    await clock.advance(25)
    expect((await next)[0].answer).toBe(20)
    expect(observed.map(({ error }) => error)).toEqual([new Error('no memory'), undefined])
  })

  it('gives each request its own answer, in order and in time, whatever comes when', async () => {
    const property = fc.asyncProperty(
      fc.array(callArbitrary, { minLength: 1, maxLength: 25 }),
      optionsArbitrary,
      fc.nat(40),
      async (calls, options, decodeMilliseconds) => {
        const { asked, runs, left } = await play(calls, { ...defaults, ...options }, decodeMilliseconds)
        for (const call of asked) await checkEnd(call)
        const decoded = runs.flatMap(({ requests }) => requests)
        expect(decoded).toEqual([...decoded].sort((a, b) => a - b))
        const arrivals = asked.flatMap(({ at, requests }) => requests.map(() => at))
        for (const { at, requests } of runs) {
          expect(requests.length).toBeLessThanOrEqual(options.maxBatchSize)
          const longest = Math.max(...requests.map((request) => at - arrivals[request]))
          expect(longest).toBeLessThanOrEqual(options.requestTimeoutMilliseconds)
        }
        expect(left).toEqual({ waiting: 0, timers: 0 })
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })
})

const callArbitrary = fc.record({ wait: fc.nat(30), size: fc.integer({ min: 1, max: 6 }), leaves: fc.boolean() })
type Call = { wait: number; size: number; leaves: boolean }

const optionsArbitrary = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 5 }),
  maxBatchDelayMilliseconds: fc.nat(20),
  maxQueueLength: fc.integer({ min: 6, max: 20 }),
  requestTimeoutMilliseconds: fc.integer({ min: 30, max: 200 }),
})

interface Asked {
  at: number
  /** Numbers that count up over all calls. */
  requests: number[]
  leaves: boolean
  end: Promise<{ value: { answer: number }[] | undefined; error: unknown }>
}

/** Lets the calls come one after the other, some of which leave after 10 ms, and waits until all is over. */
async function play(calls: readonly Call[], options: BatcherOptions, decodeMilliseconds: number) {
  const { batcher, clock, runs } = scene(options, decodeMilliseconds)
  const asked: Asked[] = []
  let next = 0
  for (const { wait, size, leaves } of calls) {
    await clock.advance(wait)
    const requests = Array.from({ length: size }, () => next++)
    const aborter = new AbortController()
    asked.push({ at: clock.monotonic(), requests, leaves, end: outcome(batcher.submit(requests, aborter.signal)) })
    if (leaves) clock.after(10, () => aborter.abort(new Error('left')))
  }
  await clock.advance(10_000)
  await settle()
  return { asked, runs, left: { waiting: batcher.length, timers: clock.pendingTimers } }
}

async function checkEnd({ requests, leaves, end }: Asked): Promise<void> {
  const { value, error } = await end
  if (value) expect(value.map(({ answer }) => answer)).toEqual(requests.map((request) => request * 10))
  else if (!(error instanceof QueueFullError || error instanceof RequestTimeoutError))
    expect([leaves, error]).toEqual([true, new Error('left')])
}
