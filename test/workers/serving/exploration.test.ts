import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseList, type ExplorationPolicy, propensitiesOf } from '../../../workers/serving/exploration.ts'
import { Random } from '../../../workers/tensor/random.ts'

/** All ordered lists of `length` out of `count`. */
function orders(count: number, length: number): number[][] {
  if (length === 0) return [[]]
  return orders(count, length - 1).flatMap((before) =>
    Array.from({ length: count }, (_, index) => index)
      .filter((index) => !before.includes(index))
      .map((index) => [...before, index]),
  )
}

/** The probability of a list as the definition says it: one draw after the other, weights of what is left. */
function byDefinition(scores: readonly number[], order: readonly number[], { temperature, share }: ExplorationPolicy) {
  let drawn = 1
  for (const [position, index] of order.entries()) {
    const left = scores.map((_, other) => other).filter((other) => !order.slice(0, position).includes(other))
    const weight = (other: number) => Math.exp(scores[other] / temperature)
    drawn *= weight(index) / left.reduce((sum, other) => sum + weight(other), 0)
  }
  const isBest = order.every((index, position) => index === position)
  return share * drawn + (isBest ? 1 - share : 0)
}

const beamOf = (scores: readonly number[]) => ({
  items: Uint32Array.from(scores, (_, index) => index + 10),
  scores: Float32Array.from(scores),
})

/** Best first, and equal to their float32 form. */
const scoreLists = fc
  .array(fc.integer({ min: -40, max: 0 }), { minLength: 1, maxLength: 5 })
  .map((scores) => scores.map((score) => score / 8).sort((a, b) => b - a))
const policies = fc.record({
  temperature: fc.constantFrom(0.25, 1, 3),
  share: fc.constantFrom(0.01, 0.3, 1),
})

describe('propensities', () => {
  it('are those of the definition for every list, entry by entry, and sum to 1', () => {
    fc.assert(
      fc.property(scoreLists, policies, fc.integer({ min: 0, max: 5 }), (scores, policy, wanted) => {
        const length = Math.min(wanted, scores.length)
        let total = 0
        for (const order of orders(scores.length, length)) {
          const { entries, logList } = propensitiesOf(Float32Array.from(scores), Uint32Array.from(order), policy)
          const list = byDefinition(scores, order, policy)
          expect(Math.exp(logList)).toBeCloseTo(list, 12)
          for (const position of order.keys()) {
            const upTo = byDefinition(scores, order.slice(0, position + 1), policy)
            const before = byDefinition(scores, order.slice(0, position), policy)
            expect(entries[position]).toBeCloseTo(upTo / before, 10)
          }
          total += Math.exp(logList)
        }
        expect(total).toBeCloseTo(1, 10)
      }),
      { numRuns: 60 },
    )
  })

  it('stay exact where the best of the beam weigh all but everything, and lists are long', () => {
    // After the first there are two of equal weight, 2^-145 of its own: lost by subtraction.
    const scores = Float32Array.of(0, -100, -100)
    const drawn = propensitiesOf(scores, Uint32Array.of(0, 2, 1), { temperature: 1, share: 1 })
    expect(Array.from(drawn.entries)).toEqual([1, 0.5, 1].map((value) => expect.closeTo(value, 12)))
    const many = new Float32Array(1000)
    const order = Uint32Array.from({ length: 1000 }, (_, index) => 999 - index)
    const { logList } = propensitiesOf(many, order, { temperature: 1, share: 0.5 })
    const logFactorial = Array.from({ length: 1000 }, (_, index) => Math.log(index + 1)).reduce((a, b) => a + b)
    expect(logList).toBeCloseTo(Math.log(0.5) - logFactorial, 6)
  })
})

describe('a chosen list', () => {
  it('comes as often as its propensity says', () => {
    const scores = [-0.5, -1, -1.25, -3]
    const policy = { temperature: 1.5, share: 0.4 }
    const draws = 40_000
    const counts = new Map<string, number>()
    for (let index = 0; index < draws; index++) {
      const { items } = chooseList(beamOf(scores), 2, policy, new Random('exploration', 'feed', `request-${index}`))
      const key = Array.from(items, (item) => item - 10).join()
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    let chiSquare = 0
    for (const order of orders(scores.length, 2)) {
      const expected = draws * byDefinition(scores, order, policy)
      chiSquare += ((counts.get(order.join()) ?? 0) - expected) ** 2 / expected
    }
    // 99.9 % quantile of chi-square with 11 degrees of freedom; the seeds are fixed, so this is no matter of luck.
    expect(chiSquare).toBeLessThan(31.26)
  })

  it('is the same for the same request, a prefix of the longer one, and carries scores of its items', () => {
    const beam = beamOf([-0.5, -1, -1.5, -2, -2.5])
    const policy = { temperature: 2, share: 1 }
    const draw = (count: number, id: string) => chooseList(beam, count, policy, new Random('exploration', 'feed', id))
    for (const id of ['a', 'b', 'c']) {
      expect(draw(3, id)).toEqual(draw(3, id))
      expect(draw(5, id).items.slice(0, 3)).toEqual(draw(3, id).items)
      expect(Array.from(draw(9, id).items).toSorted()).toEqual(Array.from(beam.items))
      const { items, scores } = draw(5, id)
      expect(Array.from(scores)).toEqual(Array.from(items, (item) => beam.scores[item - 10]))
    }
    expect(new Set(['a', 'b', 'c', 'd'].map((id) => draw(5, id).items.join())).size).toBeGreaterThan(1)
  })

  it('is empty, and certain, where nothing was eligible', () => {
    const { items, entries, logList } = chooseList(beamOf([]), 10, { temperature: 1, share: 1 }, new Random(1))
    expect([items.length, entries.length, Math.exp(logList)]).toEqual([0, 0, 1])
  })

  it('is the best one where it was not drawn, with the chance that both ways give it', () => {
    const beam = beamOf([-1, -2, -3])
    const policy = { temperature: 1, share: 0.01 }
    const chosen = chooseList(beam, 2, policy, new Random('exploration', 'feed', 'q'))
    expect([chosen.drawn, Array.from(chosen.items)]).toEqual([false, [10, 11]])
    expect(Math.exp(chosen.logList)).toBeCloseTo(byDefinition([-1, -2, -3], [0, 1], policy), 12)
    expect(chosen.entries[0] * chosen.entries[1]).toBeCloseTo(Math.exp(chosen.logList), 12)
  })
})
