import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Market, noUser, type Requests } from '../../../../workers/data/market/market.ts'
import {
  joinTargets,
  nextItemTargets,
  requestTargets,
  type TargetSamples,
  valueTargets,
} from '../../../../workers/ranker/one-ranker/target-samples.ts'
import { Random } from '../../../../workers/tensor/random.ts'

/** Users with events 10u, 10u + 1, ...; all but the last two are of the training part. */
const sequences = (lengths: readonly number[], times = false) => {
  const offsets = Uint32Array.from({ length: lengths.length + 1 }, (_, user) =>
    lengths.slice(0, user).reduce((sum, length) => sum + length, 0),
  )
  const events = Uint32Array.from(lengths.flatMap((length, user) => Array.from({ length }, (_, at) => 10 * user + at)))
  return {
    userCount: lengths.length,
    offsets,
    events,
    trainEnd: Uint32Array.from(lengths, (length) => Math.max(0, length - 2)),
    validationEnd: Uint32Array.from(lengths, (length) => Math.max(0, length - 1)),
    ...(times ? { times: Float64Array.from(events, (item) => 1000 * item) } : {}),
  }
}

const values = Float64Array.from({ length: 100 }, (_, item) => 1 + item)
const rowOf = ({ items, weights, length }: TargetSamples, row: number) =>
  [...items.subarray(row * length, (row + 1) * length)].filter((_, place) => weights[row * length + place] > 0)

describe('next items', () => {
  test('follow the history, in the part, and no more than there are', () => {
    const samples = nextItemTargets(sequences([6, 2], true), { part: 'train', length: 3, stride: 2, values })
    expect(samples.count).toBe(2)
    expect([...samples.historyEnd]).toEqual([0, 2])
    expect(rowOf(samples, 0)).toEqual([0, 1, 2])
    expect(rowOf(samples, 1)).toEqual([2, 3])
    expect([...samples.time]).toEqual([0, 2000])
    expect([...samples.request]).toEqual([-1, -1])
    // The value of an item is its own, whatever place it has.
    expect([...samples.values.subarray(3, 6)]).toEqual([3, 4, 0])
    const validation = nextItemTargets(sequences([6, 2]), { part: 'validation', length: 3, stride: 2, values })
    expect([...validation.historyEnd]).toEqual([4, 0])
    expect([rowOf(validation, 0), rowOf(validation, 1)]).toEqual([[4], [10]])
    expect(validation.time[0]).toBeNaN()
  })

  test('are asked at other positions in every epoch, by as many rows, and within the part', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        (lengths, length, stride, seed) => {
          const dataset = sequences(lengths)
          const options = { part: 'train', length, stride, values } as const
          const whole = nextItemTargets(dataset, options)
          const drawn = nextItemTargets(dataset, { ...options, random: new Random(seed) })
          expect(drawn.count).toBe(whole.count)
          expect([...drawn.user]).toEqual([...whole.user])
          for (let row = 0; row < drawn.count; row++) {
            const [user, end] = [drawn.user[row], drawn.historyEnd[row]]
            const expected = Math.min(length, dataset.trainEnd[user] - end)
            expect(rowOf(drawn, row)).toEqual(Array.from({ length: expected }, (_, at) => 10 * user + end + at))
          }
        },
      ),
    )
  })

  test('reach every position of a user within some epochs', () => {
    const dataset = sequences([9])
    const seen = new Set<number>()
    for (let epoch = 0; epoch < 60; epoch++) {
      const random = new Random(1, epoch)
      for (const end of nextItemTargets(dataset, { part: 'train', length: 1, stride: 10, values, random }).historyEnd)
        seen.add(end)
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
  })
})

const requests: Requests = {
  count: 4,
  ids: ['a', 'b', 'c', 'd'],
  user: Uint32Array.of(0, 0, noUser, 1),
  historyEnd: Uint32Array.of(1, 4, 0, 1),
  time: Float64Array.of(5, 6, 7, 8),
  part: Uint8Array.of(0, 1, 0, 0),
  exposed: {
    offsets: Uint32Array.of(0, 3, 4, 6, 7),
    item: Uint32Array.of(50, 2, 60, 51, 52, 53, 54),
    ad: Int32Array.of(0, -1, 1, 0, -1, -1, -1),
    creative: new Int32Array(7).fill(-1),
    click: Uint8Array.of(1, 1, 0, 1, 0, 1, 0),
    conversion: Uint8Array.of(1, 0, 0, 0, 0, 0, 0),
  },
}
const market = { requests } as Market
const options = { part: 'train', length: 3, clickedWeight: 4, values, andNext: false, withoutTargets: false } as const

describe('what was clicked', () => {
  const dataset = sequences([6, 4])

  test('is learned slot after slot, conversions above clicks, of the part alone', () => {
    const samples = requestTargets(dataset, market, options)
    expect([...samples.request]).toEqual([0, 2])
    expect([rowOf(samples, 0), rowOf(samples, 1)]).toEqual([[50, 2], [53]])
    expect([...samples.weights]).toEqual([4, 4, 0, 4, 0, 0])
    expect([...samples.values]).toEqual([3 * 51, 3, 0, 54, 0, 0])
    expect([...samples.time]).toEqual([5, 7])
    const valuesIn = (request: number) => new Map([[request === 0 ? 50 : 53, 0.5]])
    expect([...requestTargets(dataset, market, { ...options, valuesIn }).values]).toEqual([1.5, 3, 0, 0.5, 0, 0])
  })

  test('is followed by what was taken next, nothing twice, where asked; and a request without either has a row', () => {
    const samples = requestTargets(dataset, market, { ...options, andNext: true, withoutTargets: true })
    expect([...samples.request]).toEqual([0, 2, 3])
    expect([0, 1, 2].map((row) => rowOf(samples, row))).toEqual([[50, 2, 1], [53], [11]])
    expect([...samples.weights.subarray(0, 3)]).toEqual([4, 4, 1])
  })

  test('joins what was taken next', () => {
    const joined = joinTargets(
      requestTargets(dataset, market, options),
      nextItemTargets(dataset, { part: 'train', length: 3, stride: 3, values }),
    )
    expect(joined.count).toBe(5)
    expect([...joined.request]).toEqual([0, 2, -1, -1, -1])
    expect(rowOf(joined, 4)).toEqual([10, 11])
  })
})

describe('value targets', () => {
  const samples = requestTargets(sequences([6, 4]), market, { ...options, andNext: true, withoutTargets: true })

  test('are drawn of a row in proportion to value, and weigh as much as the row is worth', () => {
    const drawn = Array.from({ length: 4000 }, (_, epoch) => valueTargets(samples, new Random(3, epoch)))
    const shares = drawn.filter(({ item }) => item[0] === 50).length / drawn.length
    expect(shares).toBeCloseTo(153 / (153 + 3 + 2), 1)
    for (const { item, weight } of drawn) {
      expect([50, 2, 1]).toContain(item[0])
      expect([...item.subarray(1)]).toEqual([53, 11])
      expect(weight[0] / weight[1]).toBeCloseTo(158 / 54, 4)
      expect((weight[0] + weight[1] + weight[2]) / 3).toBeCloseTo(1, 4)
    }
  })

  test('weigh nothing without a target, and one rich row is cut', () => {
    const none = { ...samples, values: samples.values.map((value, cell) => (cell < 3 ? 0 : value)) }
    const { item, weight } = valueTargets(none, new Random(1))
    expect([item[0], weight[0]]).toEqual([0, 0])
    const many = 20
    const rich: TargetSamples = {
      ...samples,
      count: many,
      length: 1,
      items: new Int32Array(many),
      values: Float32Array.from({ length: many }, (_, row) => (row === 0 ? 1e6 : 1)),
    }
    expect(valueTargets(rich, new Random(1)).weight[0]).toBe(5)
  })
})
