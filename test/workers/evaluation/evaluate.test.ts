import { describe, expect, test } from 'vitest'
import { compare, measurementsOf, rankTargets } from '../../../workers/evaluation/evaluate.ts'
import { translateItems } from '../../../workers/evaluation/item-translation.ts'
import type { EvaluationCase, Recommender } from '../../../workers/evaluation/recommender.ts'

/** The items after the last of the history, in a ring of `size`. */
const ring = (size: number): Recommender => ({
  name: 'Ring',
  recommend: async (histories, count) =>
    histories.map((history) => {
      const last = history.at(-1) ?? 0
      const all = Uint32Array.from({ length: size - 1 }, (_, index) => (last + index + 1) % size)
      return all.filter((item) => !history.includes(item)).slice(0, count)
    }),
})

const caseOf = (user: number, target: number, ...history: number[]): EvaluationCase => ({
  user,
  target,
  history: Uint32Array.from(history),
})

describe('ranks', () => {
  test('are places in the list, in the order of the cases, over many batches', async () => {
    const cases = Array.from({ length: 600 }, (_, index) => caseOf(index, (index + 1 + (index % 3)) % 10, index % 10))
    const done: number[] = []
    const ranks = await rankTargets(ring(10), cases, { cutoff: 2, onBatch: async (count) => void done.push(count) })
    expect([...ranks]).toEqual(cases.map((_, index) => [1, 2, 0][index % 3]))
    expect(done).toEqual([256, 512, 600])
  })

  test('end with what the listener throws', async () => {
    const stop = new Error('stop')
    const options = { cutoff: 1, onBatch: () => Promise.reject(stop) }
    await expect(rankTargets(ring(5), [caseOf(0, 1, 0)], options)).rejects.toBe(stop)
  })
})

describe('a comparison', () => {
  const users = Uint32Array.of(0, 1, 2, 3)
  const model = { name: '', ranks: Uint32Array.of(1, 2, 0, 1) }
  const baseline = { name: 'PopRec', ranks: Uint32Array.of(0, 1, 0, 2) }
  const report = compare(users, model, [baseline], { cutoffs: [1, 2], samples: 500, seed: 1 })

  test('names the metrics of the model first, those of baselines by their name', () => {
    const values = Object.fromEntries(report.metrics.map(({ name, value }) => [name, value]))
    expect(values).toEqual({
      'Recall@1': 0.5,
      'NDCG@1': 0.5,
      'Recall@2': 0.75,
      'NDCG@2': expect.closeTo((2 + 1 / Math.log2(3)) / 4, 12),
      'PopRec Recall@1': 0.25,
      'PopRec NDCG@1': 0.25,
      'PopRec Recall@2': 0.5,
      'PopRec NDCG@2': expect.closeTo((1 + 1 / Math.log2(3)) / 4, 12),
    })
    expect(report.metrics[0].name).toBe('Recall@1')
  })

  test('has the measurements that gates ask for', () => {
    const measurements = measurementsOf(report.metrics, report.comparisons)
    expect(measurements.metric('Recall@2')?.mean).toBe(0.75)
    expect(measurements.relativeGain('Recall@2', 'PopRec')?.mean).toBeCloseTo(0.5, 12)
    expect(measurements.metric('Recall@7')).toBeUndefined()
    expect(measurements.relativeGain('Recall@2', 'ItemCF')).toBeUndefined()
  })
})

describe('items of another revision', () => {
  test('are translated by id, both ways', async () => {
    // Own: a b c d e; measured: e d c b a z.
    const translated = translateItems(ring(5), ['a', 'b', 'c', 'd', 'e'], ['e', 'd', 'c', 'b', 'a', 'z'])
    // History b (measured 3), own 1: own list c d e a.
    const [list] = await translated.recommend([Uint32Array.of(3)], 4)
    expect([...list]).toEqual([2, 1, 0, 4])
  })

  test('that the model does not know are left out of histories', async () => {
    const translated = translateItems(ring(3), ['a', 'b', 'c'], ['z', 'b', 'c', 'a'])
    const [list] = await translated.recommend([Uint32Array.of(1, 0)], 2)
    expect([...list]).toEqual([2, 3])
  })

  test('that are gone take up no place, however many there are', async () => {
    const own = Array.from({ length: 100 }, (_, index) => `item ${index}`)
    const translated = translateItems(ring(100), own, ['item 0', 'item 90', 'item 95', 'item 99'])
    const lists = await translated.recommend([Uint32Array.of(0), new Uint32Array(0)], 2)
    expect(lists.map((list) => [...list])).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect([...(await translated.recommend([Uint32Array.of(0)], 10))[0]]).toEqual([1, 2, 3])
  })
})
