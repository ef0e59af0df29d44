import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { estimatePolicy } from '../../../../workers/evaluation/off-policy/estimate-policy.ts'
import {
  type ListInteraction,
  type LoggedLists,
  rowsOfLists,
} from '../../../../workers/evaluation/off-policy/logged-actions.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const lists: LoggedLists = {
  offsets: Uint32Array.of(0, 2, 3),
  user: Uint32Array.of(7, 9),
  reward: Float64Array.of(1, 0, 1),
  logging: Float64Array.of(0.5, 0.25, 0.5),
  target: Float64Array.of(0.25, 1, 0.5),
  expected: { logged: Float64Array.of(0.5, 0.25, 0.125), target: Float64Array.of(0.75, 0.5, 0.25) },
}
const near = (values: ArrayLike<number>) => Array.from(values, (value) => expect.closeTo(value, 12))
const rows = (interaction: ListInteraction) => rowsOfLists(lists, interaction)

describe('lists become rows', () => {
  test('a row a slot, weighted by itself or by all down to it', () => {
    const independent = rows('Independent')
    expect([...independent.user]).toEqual([7, 7, 9])
    expect([...independent.weight]).toEqual([0.5, 4, 1])
    const sequential = rows('Sequential')
    expect([...sequential.user]).toEqual([7, 7, 9])
    expect([...sequential.weight]).toEqual(near([0.5, 2, 1]))
    expect([...(sequential.depth ?? [])]).toEqual([0, 1, 0])
    expect(independent.depth).toBeUndefined()
    expect([...lists.logging]).toEqual([0.5, 0.25, 0.5])
  })

  test('a row a list, with the sum of the rewards', () => {
    const whole = rows('WholeList')
    expect([...whole.user]).toEqual([7, 9])
    expect([...whole.reward]).toEqual([1, 1])
    expect([...whole.weight]).toEqual(near([2, 1]))
    expect([...(whole.expected?.target ?? [])]).toEqual([1.25, 0.25])
  })
})

describe('on lists so long that the product of their propensities is too small for a number', () => {
  const entries = 500
  const listCount = 40
  const fill = (value: number) => new Float64Array(entries * listCount).fill(value)
  const long = {
    offsets: Uint32Array.from({ length: listCount + 1 }, (_, list) => entries * list),
    user: Uint32Array.from({ length: listCount }, (_, list) => list),
    reward: fill(0).map((_, entry) => Number(entry % 4 === 0)),
    logging: fill(0.1),
  }
  const options = {
    estimators: ['IPS', 'SNIPS'] as const,
    clip: Number.POSITIVE_INFINITY,
    rule: { minEffectiveSamples: 1, minPositives: 1 },
    samples: 20,
    seed: 1,
  }
  const interactions = ['Sequential', 'WholeList'] as const

  test.each(interactions)('%s: the policy that filled the log earns what it earned', (interaction) => {
    expect(0.1 ** entries).toBe(0)
    const actions = rowsOfLists({ ...long, target: long.logging }, interaction)
    expect([...actions.weight]).toEqual(actions.reward.length === listCount ? Array(listCount).fill(1) : [...fill(1)])
    const { estimates, conclusion, meanWeight } = estimatePolicy(actions, options)
    const earned = interaction === 'WholeList' ? entries / 4 : 1 / 4
    for (const name of options.estimators) expect(estimates.get(name)?.mean).toBeCloseTo(earned, 9)
    expect(meanWeight.mean).toBeCloseTo(1, 9)
    expect(conclusion.supported).toBe(true)
  })

  test.each(interactions)('%s: one that leans a little another way has its small weight', (interaction) => {
    const { weight } = rowsOfLists({ ...long, target: fill(0.099) }, interaction)
    expect(weight[weight.length - 1] / 0.99 ** entries).toBeCloseTo(1, 9)
    expect(weight[weight.length - 1]).toBeGreaterThan(0)
  })

  test.each(interactions)('%s: one that shows none of the lists has weight 0', (interaction) => {
    const { weight } = rowsOfLists({ ...long, target: fill(0) }, interaction)
    expect(Math.max(...weight)).toBe(0)
  })

  test.each(interactions)('%s: one whose weights nobody can tell apart is refused, clipped or not', (interaction) => {
    const actions = rowsOfLists({ ...long, target: fill(1) }, interaction)
    const rule = { minEffectiveSamples: 2, minPositives: 1 }
    for (const clip of [Number.POSITIVE_INFINITY, 10])
      expect(estimatePolicy(actions, { ...options, rule, clip }).conclusion).toMatchObject({
        supported: false,
        effectiveSamples: 1,
      })
  })

  test.each(interactions)('%s: one that surely shows a single one is refused, in numbers', (interaction) => {
    const target = fill(0).map((_, entry) => Number(entry < entries))
    const actions = rowsOfLists({ ...long, target }, interaction)
    const { estimates, conclusion, meanWeight } = estimatePolicy(actions, {
      ...options,
      rule: { minEffectiveSamples: 10, minPositives: 1 },
    })
    expect(conclusion.supported).toBe(false)
    expect(conclusion.refusals[0]).toBe('the effective sample size is 1, at least 10 is asked for')
    for (const { mean } of [...estimates.values(), meanWeight]) expect(Number.isFinite(mean)).toBe(true)
  })
})

describe('on lists of two slots', () => {
  /** Each slot shows 0 or 1; a second slot that repeats the first is not clicked: slots act on those below them. */
  const logging = [0.5, 0.5]
  const target = [0.8, 0.3]
  const clickChance = (first: number, second: number): [number, number] => [
    first === 1 ? 0.6 : 0.2,
    second === first ? 0 : 0.5,
  ]

  function logLists(count: number, seed: number): LoggedLists {
    const random = new Random(seed, 'lists')
    const column = () => new Float64Array(2 * count)
    const log = { reward: column(), logging: column(), target: column() }
    for (let list = 0; list < count; list++) {
      const shown = [0, 1].map((slot) => Number(random.uniform() < logging[slot]))
      const chances = clickChance(shown[0], shown[1])
      for (let slot = 0; slot < 2; slot++) {
        const entry = 2 * list + slot
        log.reward[entry] = Number(random.uniform() < chances[slot])
        log.logging[entry] = shown[slot] === 1 ? logging[slot] : 1 - logging[slot]
        log.target[entry] = shown[slot] === 1 ? target[slot] : 1 - target[slot]
      }
    }
    const ends = Uint32Array.from({ length: count + 1 }, (_, list) => 2 * list)
    return { ...log, offsets: ends, user: Uint32Array.from({ length: count }, (_, list) => list) }
  }

  const truth = [0, 1].reduce(
    (sum, first) =>
      sum +
      [0, 1].reduce((inner, second) => {
        const chance = (first === 1 ? target[0] : 1 - target[0]) * (second === 1 ? target[1] : 1 - target[1])
        const [above, below] = clickChance(first, second)
        return inner + chance * (above + below)
      }, 0),
    0,
  )
  const estimated = (interaction: ListInteraction) => {
    const { estimates } = estimatePolicy(rowsOfLists(logLists(20_000, 3), interaction), {
      estimators: ['IPS'],
      clip: Number.POSITIVE_INFINITY,
      rule: { minEffectiveSamples: 1, minPositives: 1 },
      samples: 100,
      seed: 1,
    })
    const estimate = estimates.get('IPS') ?? { mean: 0, low: 0, high: 0 }
    const perList = interaction === 'WholeList' ? 1 : 2
    return { low: perList * estimate.low, high: perList * estimate.high }
  }

  test('products of propensities find the value of the policy', () => {
    for (const interaction of ['WholeList', 'Sequential'] as const) {
      const { low, high } = estimated(interaction)
      expect(low).toBeLessThan(truth)
      expect(high).toBeGreaterThan(truth)
      expect(high - low).toBeLessThan(0.12)
    }
  })

  test('independent slots miss what slots do to each other', () => {
    expect(estimated('Independent').high).toBeLessThan(truth)
  })
})

describe('policies that draw each entry given those above it', () => {
  const items = 3
  const slots = 3
  const chance = fc.double({ min: 0.05, max: 1, noNaN: true })
  /** Any number by what stands in a list down to a slot. */
  const table = fc.array(chance, { minLength: 40, maxLength: 40 })
  const place = (prefix: readonly number[]): number => prefix.reduce((sum, item) => sum * items + item + 1, 0)
  const every = (length: number): number[][] =>
    length === 0 ? [[]] : every(length - 1).flatMap((list) => [0, 1, 2].map((item) => [...list, item]))
  const given = (weights: readonly number[], list: readonly number[], slot: number): number => {
    const before = list.slice(0, slot)
    const total = [0, 1, 2].reduce((sum, item) => sum + weights[place([...before, item])], 0)
    return weights[place(list.slice(0, slot + 1))] / total
  }

  test('have the value that products of ratios give on average over all lists, exactly', () => {
    fc.assert(
      fc.property(table, table, table, table, (loggingWeights, targetWeights, rewards, guesses) => {
        const lists = every(slots)
        const entries = lists.flatMap((list) => list.map((_, slot) => ({ list, slot })))
        const column = (of: (list: readonly number[], slot: number) => number) =>
          Float64Array.from(entries, ({ list, slot }) => of(list, slot))
        const reached = (list: readonly number[], slot: number) => place(list.slice(0, slot + 1))
        const guess = column((list, slot) => guesses[reached(list, slot)])
        const { weight: weights } = rowsOfLists(
          {
            offsets: Uint32Array.from({ length: lists.length + 1 }, (_, list) => list * slots),
            user: Uint32Array.from(lists.keys()),
            reward: column((list, slot) => rewards[reached(list, slot)]),
            logging: column((list, slot) => given(loggingWeights, list, slot)),
            target: column((list, slot) => given(targetWeights, list, slot)),
          },
          'Sequential',
        )
        const listChance = (weights: readonly number[], list: readonly number[]) =>
          list.reduce((product, _, slot) => product * given(weights, list, slot), 1)
        const meanOf = (weights: readonly number[], of: (entry: number) => number) =>
          entries.reduce((sum, { list }, entry) => sum + listChance(weights, list) * of(entry), 0)
        const reward = (entry: number) => rewards[reached(entries[entry].list, entries[entry].slot)]
        const truth = meanOf(targetWeights, reward)
        const weight = (entry: number) => weights[entry]
        expect(meanOf(loggingWeights, (entry) => weight(entry) * reward(entry))).toBeCloseTo(truth, 9)
        expect(meanOf(loggingWeights, weight)).toBeCloseTo(slots, 9)
        const residual = meanOf(loggingWeights, (entry) => weight(entry) * (reward(entry) - guess[entry]))
        expect(meanOf(targetWeights, (entry) => guess[entry]) + residual).toBeCloseTo(truth, 9)
      }),
      { numRuns: 50 },
    )
  })
})
