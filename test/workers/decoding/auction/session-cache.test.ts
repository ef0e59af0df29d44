import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Capacity } from '../../../../workers/decoding/auction/request-tensors.ts'
import { SessionCache, type SessionCacheOptions } from '../../../../workers/decoding/auction/session-cache.ts'

const sized = (columns: number, slots = 4): Capacity => ({ slots, columns, entries: [columns] })

/** Sessions that are loaded when the test says so. */
function scene(options: SessionCacheOptions = {}) {
  const made: { columns: number; ready(): void; fail(): void }[] = []
  const released: number[] = []
  const cache = new SessionCache(({ columns }) => {
    const loading = Promise.withResolvers<void>()
    made.push({ columns, ready: () => loading.resolve(), fail: () => loading.reject(new Error('no memory')) })
    const runner = { run: async () => ({}), release: async () => void released.push(columns) }
    return loading.promise.then(() => runner)
  }, options)
  /** Columns of the session that answers. */
  const run = async (wanted: Capacity): Promise<number> => {
    let columns = 0
    await cache.run(wanted, (capacity) => {
      columns = capacity.columns
      return {}
    })
    return columns
  }
  const load = async (wanted: Capacity) => {
    const prepared = cache.prepare(wanted)
    made.at(-1)?.ready()
    await prepared
  }
  return { cache, made, released, run, load, columns: () => made.map(({ columns }) => columns) }
}

test('each size has a session of its own, made once', async () => {
  const { run, load, columns } = scene()
  await load(sized(256))
  await load(sized(64))
  expect(await run(sized(64))).toBe(64)
  expect(await run(sized(256))).toBe(256)
  expect(columns()).toEqual([256, 64])
})

test('a larger one stands in until the right one is there', async () => {
  const { run, load, made } = scene({ standIns: true })
  await load(sized(256))
  expect(await run(sized(64))).toBe(256)
  made[1].ready()
  await turn()
  expect(await run(sized(64))).toBe(64)
})

test('none is loaded where the larger one wastes little, nor stands one in for another length', async () => {
  const { run, load, made, cache, columns } = scene({ standIns: true })
  await load(sized(256))
  expect(await run(sized(192))).toBe(256)
  expect(columns()).toEqual([256])
  const prepared = cache.prepare(sized(64, 2))
  expect(columns()).toEqual([256, 64])
  made[1].ready()
  await prepared
})

test('the least recently used gives way', async () => {
  const { run, load, released, cache } = scene({ most: 2 })
  await load(sized(64))
  await load(sized(128))
  await run(sized(64))
  await load(sized(256))
  await turn()
  expect(released).toEqual([128])
  await cache.release()
  expect(released.toSorted()).toEqual([128, 256, 64])
})

test('one that could not be loaded is tried again', async () => {
  const { cache, made, load, run } = scene()
  const prepared = cache.prepare(sized(64))
  made[0].fail()
  await expect(prepared).rejects.toThrow('no memory')
  await turn()
  await load(sized(64))
  expect(await run(sized(64))).toBe(64)
})
