import { describe, expect, test } from 'vitest'
import { evaluationCases, historyOf, sequenceOf } from '../../../workers/data/sequences.ts'
import { simulate } from '../../../workers/data/simulator.ts'
import { ingest } from './support.ts'

const SPEC = { users: 2000, items: 500, interests: 16, interactionsPerUser: 12, driftPercent: 20, seed: 1 }
const leaveOneOut = { strategy: 'LeaveOneOut' } as const

describe('simulator', () => {
  test('gives what the spec asks for', () => {
    const simulation = simulate(SPEC)
    const events = [...simulation.events()]
    const byUser = Map.groupBy(events, (event) => event.user)
    expect(byUser.size).toBe(SPEC.users)
    expect(simulation.items).toHaveLength(SPEC.items)
    // Geometric above 3: standard deviation of the mean of 2000 users is 0.21.
    expect(Math.abs(events.length / SPEC.users - SPEC.interactionsPerUser)).toBeLessThan(1)
    for (const history of byUser.values()) {
      expect(history.length).toBeGreaterThanOrEqual(3)
      expect(new Set(history.map((event) => event.item)).size).toBe(history.length)
      expect(history.every((event, index) => index === 0 || event.time >= history[index - 1].time)).toBe(true)
    }
  })

  test('is the same for the same seed and another for another', () => {
    const small = { ...SPEC, users: 30 }
    expect([...simulate(small).events()]).toEqual([...simulate(small).events()])
    expect([...simulate({ ...small, seed: 2 }).events()]).not.toEqual([...simulate(small).events()])
    // Users are drawn alone: fewer of them are the first of more.
    expect([...simulate({ ...small, users: 10 }).events()]).toEqual(
      [...simulate(small).events()].slice(0, [...simulate({ ...small, users: 10 }).events()].length),
    )
  })

  test('ends also where histories would outgrow the catalogue', () => {
    const events = [...simulate({ ...SPEC, users: 20, items: 10, interests: 2, interactionsPerUser: 100 }).events()]
    expect(
      Math.max(
        ...Map.groupBy(events, (event) => event.user)
          .values()
          .map((history) => history.length),
      ),
    ).toBe(10)
  })

  test('rewards sequence and text: the last item, and its words, foretell the next far better than popularity', async () => {
    const { dataset } = await ingest({ source: { simulation: SPEC }, split: leaveOneOut })
    const popularity = new Float64Array(dataset.itemCount)
    const transitions = Array.from({ length: dataset.itemCount }, () => new Map<number, number>())
    for (let user = 0; user < dataset.userCount; user++) {
      const train = sequenceOf(dataset, user).subarray(0, dataset.trainEnd[user])
      train.forEach((item, place) => {
        popularity[item]++
        if (place > 0) transitions[train[place - 1]].set(item, (transitions[train[place - 1]].get(item) ?? 0) + 1)
      })
    }
    const cases = evaluationCases(dataset, 'test')
    const recallAt10 = (score: (last: number, item: number) => number): number => {
      let hits = 0
      for (let index = 0; index < cases.count; index++) {
        const history = historyOf(dataset, cases, index)
        const seen = new Set(history)
        const last = history[history.length - 1]
        const target = score(last, cases.target[index])
        let better = 0
        for (let item = 0; item < dataset.itemCount; item++) if (!seen.has(item) && score(last, item) > target) better++
        if (better < 10) hits++
      }
      return hits / cases.count
    }
    const byPopularity = recallAt10((_, item) => popularity[item])
    const bySequence = recallAt10((last, item) => (transitions[last].get(item) ?? 0) + popularity[item] / 1e6)
    expect(byPopularity).toBeLessThan(0.15)
    expect(bySequence).toBeGreaterThan(3 * byPopularity)
    // Knowing only that the next item shares the last one's interest, which the text names.
    const sharesInterest = (last: number, item: number): boolean =>
      dataset.itemAttributes(last)[1] === dataset.itemAttributes(item)[1]
    const byText = recallAt10((last, item) => (sharesInterest(last, item) ? 1 : 0) + popularity[item] / 1e6)
    expect(byText).toBeGreaterThan(2 * byPopularity)
  })

  test('drift moves popularity between the first and the last days', () => {
    const overlap = (driftPercent: number): number => {
      const events = [...simulate({ ...SPEC, driftPercent }).events()].sort((one, other) => one.time - other.time)
      const top = (part: typeof events): Set<string> => {
        const counts = Map.groupBy(part, (event) => event.item)
          .entries()
          .map(([item, group]) => [item, group.length] as const)
        return new Set(
          [...counts]
            .sort((one, other) => other[1] - one[1])
            .slice(0, 50)
            .map(([item]) => item),
        )
      }
      const quarter = Math.floor(events.length / 4)
      return top(events.slice(0, quarter)).intersection(top(events.slice(-quarter))).size
    }
    expect(overlap(100)).toBeLessThan(overlap(0) - 8)
  })

  test('is cancelled in the middle', async () => {
    const controller = new AbortController()
    const endless = { ...SPEC, users: 10_000_000 }
    const ingesting = ingest({ source: { simulation: endless }, split: leaveOneOut }, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('suspended')), 50)
    await expect(ingesting).rejects.toThrow('suspended')
  })

  test('takes the same way as real logs, to the same bytes at one and two threads', async () => {
    const spec = { source: { simulation: { ...SPEC, users: 300 } }, split: leaveOneOut }
    const one = await ingest(spec, { threads: 1 })
    const two = await ingest(spec, { threads: 2 })
    expect(two.artifact.digest).toBe(one.artifact.digest)
    expect(one.dataset.itemText(0).split(' ')).toHaveLength(6)
    expect(one.dataset.itemAttributes(0)).toHaveLength(3)
    expect(one).toMatchObject({ users: 300, items: 500, badRows: 0 })
  })
})
