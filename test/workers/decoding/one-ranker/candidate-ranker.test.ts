import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { CandidateRanker, type RankingTask } from '../../../../workers/decoding/one-ranker/candidate-ranker.ts'
import { historyKeys, UserCache } from '../../../../workers/decoding/one-ranker/user-cache.ts'
import { streamTensors } from '../../../../workers/ranker/one-ranker/stream.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { smallCatalogue } from '../../ranker/ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from '../../ranker/one-ranker/small-one-ranker.ts'

const itemCount = 40
const { items } = smallCatalogue(itemCount)
const shape = smallOneRanker(itemCount)
const parts = { shape, items, weights: roughOneRanker(shape) }

const open: CandidateRanker[] = []
afterEach(async () => {
  for (const ranker of open.splice(0)) await ranker.release()
})
const rankerOf = (userBytes = 0, given = parts, maxBatch = 3) => {
  const ranker = new CandidateRanker(given, { threads: 1, maxBatch, userBytes })
  open.push(ranker)
  return ranker
}

const day = 86_400_000
const taskOf = (seed: number, candidates = 5, length = 3): RankingTask => {
  const random = new Random(seed, 'task')
  const some = [...random.permutation(itemCount)]
  return {
    history: {
      items: Uint32Array.from(some.slice(0, length)),
      times: Array.from({ length }, (_, index) => index * day),
      time: length * day,
    },
    items: Uint32Array.from(some.slice(length, length + candidates)),
    isAd: Uint8Array.from({ length: candidates }, (_, candidate) => candidate % 2),
  }
}

const close = (found: Float32Array, wanted: Float32Array) => {
  expect(found).toHaveLength(wanted.length)
  for (const [index, value] of wanted.entries()) expect(found[index]).toBeCloseTo(value, 5)
}

describe('the ranker of candidates', () => {
  test.each([
    ['with both steps', shape],
    ['on step 1 alone', smallOneRanker(itemCount, { rankerMemory: 'StepOne' })],
    ['without step 2', smallOneRanker(itemCount, { refinement: false })],
    ['of two layers', smallOneRanker(itemCount, { rankerLayers: 2, historyTokens: 'Flattened' })],
    ['without fake items', smallOneRanker(itemCount, { fakeItems: 0 })],
  ])('gives the same scores in one pass and in two, %s', async (_, given) => {
    const ranker = rankerOf(0, { shape: given, items, weights: roughOneRanker(given) })
    const tasks = [taskOf(1), taskOf(2), taskOf(3, 20), taskOf(4, 5, 0)]
    const whole = await ranker.rank(tasks)
    const users = await ranker.encode(tasks.map(({ history }) => history))
    const split = await ranker.rankFor(tasks.map((task, index) => ({ ...task, user: users[index] })))
    for (const index of tasks.keys()) close(split[index], whole[index])
    expect(new Set(whole.flatMap((scores) => [...scores])).size).toBe(35)
  })

  test('scores a candidate alike whoever else is asked for, in which order and how many', async () => {
    const ranker = rankerOf()
    const task = taskOf(1)
    const [together] = await ranker.rank([task, ...[2, 3, 4, 5, 6].map((seed) => taskOf(seed))])
    const order = [3, 0, 4]
    const [few] = await ranker.rank([
      { ...task, items: Uint32Array.from(order, (at) => task.items[at]), isAd: Uint8Array.from(order, (at) => at % 2) },
    ])
    close(
      few,
      Float32Array.from(order, (at) => together[at]),
    )
    const many = { ...task, items: Uint32Array.from([...task.items, ...taskOf(9, 15).items]), isAd: new Uint8Array(20) }
    many.isAd.set(task.isAd)
    const [padded] = await ranker.rank([many])
    close(padded.subarray(0, 5), together)
  })

  test('tells ads from organic items, and times from none', async () => {
    const ranker = rankerOf()
    const task = taskOf(1)
    const [before] = await ranker.rank([task])
    const [other] = await ranker.rank([{ ...task, isAd: task.isAd.map((ad) => 1 - ad) }])
    const [timeless] = await ranker.rank([{ ...task, history: { items: task.history.items } }])
    expect(other[0]).not.toBeCloseTo(before[0], 3)
    expect(timeless[0]).not.toBeCloseTo(before[0], 3)
  })

  test('encodes a history once while it stays as it is', async () => {
    const ranker = rankerOf(1e6)
    const fresh = rankerOf()
    const task = taskOf(1)
    const [first] = await ranker.rank([task])
    expect(ranker.runs).toEqual({ whole: 1, ranking: 0, encoding: 0 })
    const asked = { ...taskOf(2, 7), history: { ...task.history } }
    const [known] = await ranker.rank([asked])
    expect(ranker.runs).toMatchObject({ whole: 1, ranking: 1 })
    close(known, (await fresh.rank([asked]))[0])
    close((await ranker.rank([task]))[0], first)
    await ranker.rank([{ ...task, history: { ...task.history, time: 20 * day } }])
    expect(ranker.runs).toMatchObject({ whole: 2, ranking: 2 })
    await ranker.rank([{ ...task, history: { ...task.history, items: taskOf(3).history.items } }])
    expect(ranker.runs).toMatchObject({ whole: 3, ranking: 2 })
    await ranker.encode([task.history, taskOf(7).history])
    expect(ranker.runs).toEqual({ whole: 3, ranking: 2, encoding: 1 })
  })

  test('asks nothing for nothing', async () => {
    const ranker = rankerOf(1e6)
    expect(await ranker.rank([])).toEqual([])
    expect(await ranker.encode([])).toEqual([])
  })
})

describe('the cache of users', () => {
  const user = (size: number) => ({ memory: new Float32Array(size) })

  test('keeps no more than it may, and what was used last', () => {
    const cache = new UserCache(40)
    cache.set('a', user(4))
    cache.set('b', user(4))
    expect(cache.get('a')).toBeDefined()
    cache.set('c', user(4))
    expect([cache.get('a'), cache.get('b'), cache.get('c')].map((each) => each !== undefined)).toEqual([
      true,
      false,
      true,
    ])
    cache.set('d', user(11))
    expect(cache.get('d')).toBeUndefined()
    expect(cache.size).toBe(2)
  })

  test('never counts what it has let go', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), size: fc.integer({ min: 0, max: 12 }) })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const cache = new UserCache(64)
        const last = new Map<string, number>()
        for (const { key, size } of steps) {
          cache.set(key, user(size))
          last.set(key, size)
          expect(cache.bytes).toBeLessThanOrEqual(64)
        }
        const kept = [...last].filter(([key]) => cache.get(key) !== undefined)
        expect(cache.bytes).toBe(kept.reduce((sum, [, size]) => sum + 4 * size, 0))
      }),
    )
  })

  test('knows a history by its recent items and their times, not by what the model does not read', () => {
    const keyOf = (history: RankingTask['history']) => historyKeys(streamTensors(shape, [history]))[0]
    const items = Uint32Array.of(1, 2, 3, 4, 5, 6)
    const key = keyOf({ items })
    expect(keyOf({ items: Uint32Array.of(9, 9, 3, 4, 5, 6) })).toBe(key)
    expect(keyOf({ items: Uint32Array.of(1, 2, 4, 3, 5, 6) })).not.toBe(key)
    expect(keyOf({ items, isAd: [0, 0, 1, 0, 0, 0] })).not.toBe(key)
    expect(keyOf({ items, time: day })).not.toBe(key)
  })
})
