import { describe, expect, test } from 'vitest'
import type { PropensityMeaning } from '../../../../crds/advertising.ts'
import { modelJudge } from '../../../../workers/evaluation/market/judge.ts'
import { loggedTable } from '../../../../workers/evaluation/market/logged-lists.ts'
import { policyActions } from '../../../../workers/evaluation/market/logged-policy.ts'
import { progressStart } from '../../../../workers/evaluation/market/measure.ts'
import { outcomeTable } from '../../../../workers/evaluation/market/outcomes.ts'
import { reportOffPolicy } from '../../../../workers/evaluation/market/report.ts'
import { appendRow, type Table } from '../../../../workers/evaluation/market/table.ts'
import { type Estimator, estimatePolicy } from '../../../../workers/evaluation/off-policy/estimate-policy.ts'
import { Random } from '../../../../workers/tensor/random.ts'

interface Entry {
  readonly item: number
  readonly creative?: number
  readonly propensity?: number
  readonly click?: number
  readonly clicked?: number
}

const logOf = (lists: readonly (readonly Entry[])[]): Table => {
  const table = loggedTable()
  for (const [request, list] of lists.entries())
    for (const [slot, entry] of list.entries())
      appendRow(table, { request, slot, creative: -1, propensity: Number.NaN, click: 0, clicked: 0, ...entry })
  return table
}
const ownOf = (lists: readonly (readonly { item: number; creative?: number; click?: number }[])[]): Table => {
  const table = outcomeTable(['Model'])
  for (const [request, list] of lists.entries())
    for (const [slot, { click = 0, ...entry }] of list.entries())
      appendRow(table, { request, slot, creative: -1, ...entry, 'Model/click': click })
  return table
}
const clusters = Uint32Array.of(5, 6)
const options = {
  estimators: ['IPS', 'SNIPS', 'DR'] as const,
  clip: Number.POSITIVE_INFINITY,
  rule: { minEffectiveSamples: 1, minPositives: 1 },
  samples: 100,
  seed: 1,
}

describe('a mechanism as a policy', () => {
  const logged = logOf([
    [
      { item: 5, propensity: 0.5, click: 0.5, clicked: 1 },
      { item: 5, propensity: 0.25, click: 0.5 },
      { item: 3, propensity: 0.5, click: 0.3 },
    ],
    [
      { item: 1, click: 0.1 },
      { item: 4, propensity: 0.125, click: 0.4, clicked: 1 },
    ],
  ])
  const list = [
    { item: 5, click: 0.4 },
    { item: 4, click: 0.2 },
    { item: 3, click: 0.1 },
  ]
  const outcomes = ownOf([list, list])

  test('shows an entry where its list has the same item in the same slot, with marginal propensities', () => {
    const { actions, untold } = policyActions({ logged, outcomes, clusters, propensities: 'Marginal' })
    expect([...actions.user]).toEqual([5, 5, 5, 6])
    expect([...actions.reward]).toEqual([1, 0, 0, 1])
    expect([...actions.weight]).toEqual([2, 0, 2, 8])
    expect([...actions.expected.logged]).toEqual([0.5, 0.5, 0.3, 0.4])
    expect([...actions.expected.target]).toEqual([0.4, 0.2, 0.1, 0.2])
    expect(untold).toBe(1)
  })

  test('shows it where its list is the same down to it, with propensities given the entries before', () => {
    const { actions, untold } = policyActions({ logged, outcomes, clusters, propensities: 'GivenBefore' })
    // Below an entry without a propensity no product is known.
    expect([...actions.user]).toEqual([5, 5, 5])
    expect([...actions.weight]).toEqual([2, 0, 0])
    expect(untold).toBe(2)
    const whole = [
      { item: 5, propensity: 0.5 },
      { item: 4, propensity: 0.25 },
    ]
    const same = policyActions({ logged: logOf([whole]), outcomes, clusters, propensities: 'GivenBefore' })
    expect(Array.from(same.actions.weight)).toEqual([2, 8].map((weight) => expect.closeTo(weight, 9)))
  })

  test('has no impression where its list has ended: the log does not dilute it there', () => {
    const short = ownOf([list.slice(0, 1), list.slice(0, 2)])
    for (const propensities of ['Marginal', 'GivenBefore'] as const) {
      const { actions, beyondOwn } = policyActions({ logged, outcomes: short, clusters, propensities })
      expect(beyondOwn).toBe(2)
      expect([...actions.user]).toEqual(propensities === 'Marginal' ? [5, 6] : [5])
    }
    const nobody = policyActions({ logged, outcomes: ownOf([]), clusters, propensities: 'Marginal' })
    expect(nobody.actions.user).toHaveLength(0)
  })

  test('counts nothing of a log without propensities, and says why', () => {
    const bare = logOf([[{ item: 5 }, { item: 4 }]])
    const progress = { ...progressStart([modelJudge]), logged: bare, outcomes }
    const { metrics, summary } = reportOffPolicy(progress, { clusters, propensities: 'Marginal' }, options)
    expect(metrics).toEqual([])
    expect(summary).toMatchObject({ supported: false, rows: 0, propensities: 'Marginal' })
    expect(summary.message).toBe('no exposed entry of the log counts; 2 entries have no propensity')
  })
})

describe('creatives', () => {
  // Item 5 has three.
  const creativeOffsets = Uint32Array.of(0, 0, 0, 0, 0, 0, 3)
  const [count, creatives] = [6000, 3]
  const ctr = (creative: number): number => 0.2 + 0.1 * creative
  const random = new Random('creatives')
  const logged = loggedTable()
  for (let request = 0; request < count; request++) {
    // Not evenly, so that it matters what the mechanism is taken to do.
    const creative = random.uniform() < 0.6 ? 0 : 1 + random.below(2)
    const clicked = Number(random.uniform() < ctr(creative))
    const propensity = creative === 0 ? 0.6 : 0.2
    appendRow(logged, { request, slot: 0, item: 5, creative, propensity, click: 0.25, clicked })
  }
  const all = Uint32Array.from({ length: count }, (_, request) => request)
  const judged = (creative: number) => {
    const outcomes = ownOf(Array.from({ length: count }, () => [{ item: 5, creative, click: 0.25 }]))
    const progress = { ...progressStart([modelJudge]), logged, outcomes }
    return reportOffPolicy(progress, { clusters: all, propensities: 'Marginal', creativeOffsets }, options)
  }

  test('a mechanism that chooses them has the CTR of its choice', () => {
    const { metrics, summary } = judged(2)
    for (const { low, high } of metrics) {
      expect(low).toBeLessThan(ctr(2))
      expect(high).toBeGreaterThan(ctr(2))
    }
    expect(metrics).toHaveLength(3)
    expect(summary.meanWeight).toBeCloseTo(1, 1)
    expect(summary.message).not.toContain('equally often')
  })

  test('one that leaves them open is judged as showing each equally often, and that is said', () => {
    const { metrics, summary } = judged(-1)
    const even = (ctr(0) + ctr(1) + ctr(2)) / creatives
    for (const { low, high } of metrics) {
      expect(low).toBeLessThan(even)
      expect(high).toBeGreaterThan(even)
      expect(high - low).toBeLessThan(0.05)
    }
    expect(metrics).toHaveLength(3)
    expect(summary.meanWeight).toBeCloseTo(1, 1)
    expect(summary.message).toContain('each creative of their items is taken to be shown equally often')
  })
})

describe('lists drawn without replacement, whose entries act on those below', () => {
  const weights = [4, 3, 2, 1]
  const own = [1, 0, 2]
  const slots = own.length
  /** Of the item at this slot; a list whose first item is 0 tires whoever looks further. */
  const chance = (list: readonly number[], slot: number, interacts: boolean): number =>
    (0.2 + 0.15 * list[slot]) * (interacts && slot > 0 && list[0] === 0 ? 0.3 : 1)

  const draw = (random: Random): { list: number[]; given: number[] } => {
    const left = weights.map((_, item) => item)
    const list: number[] = []
    const given: number[] = []
    for (let slot = 0; slot < slots; slot++) {
      const total = left.reduce((sum, item) => sum + weights[item], 0)
      const point = random.uniform() * total
      const reached = left.map((_, last) => left.slice(0, last + 1).reduce((sum, item) => sum + weights[item], 0))
      const place = reached.findIndex((sum) => point < sum)
      const [item] = left.splice(place, 1)
      list.push(item)
      given.push(weights[item] / total)
    }
    return { list, given }
  }

  /** By slot and item, by going through all lists. */
  const marginals = ((): number[][] => {
    const sums = own.map(() => weights.map(() => 0))
    const walk = (taken: readonly number[], probability: number): void => {
      if (taken.length === slots) return
      const left = weights.map((_, item) => item).filter((item) => !taken.includes(item))
      const total = left.reduce((sum, item) => sum + weights[item], 0)
      for (const item of left) {
        const next = (probability * weights[item]) / total
        sums[taken.length][item] += next
        walk([...taken, item], next)
      }
    }
    walk([], 1)
    return sums
  })()

  const truth = (interacts: boolean): number =>
    own.reduce((sum, _, slot) => sum + chance(own, slot, interacts), 0) / slots

  interface Scene {
    readonly written: PropensityMeaning
    readonly read: PropensityMeaning
    readonly interacts: boolean
  }

  function estimates(seed: number, { written, read, interacts }: Scene): ReadonlyMap<Estimator, { mean: number }> {
    const [random, count] = [new Random(seed, 'interacting'), 300]
    const lists = Array.from({ length: count }, () => {
      const { list, given } = draw(random)
      return list.map((item, slot) => ({
        item,
        propensity: written === 'Marginal' ? marginals[slot][item] : given[slot],
        // The model of the rewards is wrong, but it is one.
        click: 0.5 * chance(list, slot, interacts),
        clicked: Number(random.uniform() < chance(list, slot, interacts)),
      }))
    })
    const shown = own.map((item, slot) => ({ item, click: 0.5 * chance(own, slot, interacts) }))
    const { actions } = policyActions({
      logged: logOf(lists),
      outcomes: ownOf(lists.map(() => shown)),
      clusters: Uint32Array.from(lists.keys()),
      propensities: read,
    })
    return estimatePolicy(actions, { ...options, samples: 2 }).estimates
  }

  /** Mean error over logs, in its standard errors. */
  function bias(estimator: Estimator, scene: Scene): { inErrors: number; error: number } {
    const logs = 150
    const errors = Array.from(
      { length: logs },
      (_, seed) => (estimates(seed, scene).get(estimator)?.mean ?? Number.NaN) - truth(scene.interacts),
    )
    const mean = errors.reduce((sum, error) => sum + error, 0) / logs
    const error = Math.sqrt(errors.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (logs - 1) / logs)
    return { inErrors: mean / error, error }
  }

  test.each(options.estimators)('%s is right where the propensities are what they are said to be', (estimator) => {
    const given = bias(estimator, { written: 'GivenBefore', read: 'GivenBefore', interacts: true })
    expect(Math.abs(given.inErrors)).toBeLessThan(3)
    expect(given.error).toBeLessThan(0.02)
    const marginal = bias(estimator, { written: 'Marginal', read: 'Marginal', interacts: false })
    expect(Math.abs(marginal.inErrors)).toBeLessThan(3)
    expect(marginal.error).toBeLessThan(0.01)
  })

  test('IPS is wrong where they are not, and where entries act on each other but are weighed one by one', () => {
    const wrong: readonly Scene[] = [
      { written: 'GivenBefore', read: 'Marginal', interacts: false },
      { written: 'Marginal', read: 'GivenBefore', interacts: false },
      { written: 'Marginal', read: 'Marginal', interacts: true },
    ]
    for (const scene of wrong) expect(Math.abs(bias('IPS', scene).inErrors)).toBeGreaterThan(4)
  })

  test('a log that hardly goes the way of the policy to its end is refused, though its first slots say enough', () => {
    const [random, count, length] = [new Random('long'), 4000, 24]
    // Each slot shows one of four items evenly; the policy shows item 0 everywhere, which one list in 4 ** 24 does.
    const lists = Array.from({ length: count }, () =>
      Array.from({ length }, () => ({
        item: random.below(4),
        propensity: 0.25,
        clicked: Number(random.uniform() < 0.5),
      })),
    )
    const outcomes = ownOf(lists.map(() => Array.from({ length }, () => ({ item: 0 }))))
    const progress = { ...progressStart([modelJudge]), logged: logOf(lists), outcomes }
    const all = Uint32Array.from(lists.keys())
    const rule = { minEffectiveSamples: 20, minPositives: 1 }
    const judge = (propensities: PropensityMeaning) =>
      reportOffPolicy(progress, { clusters: all, propensities }, { ...options, rule })
    const { metrics, summary } = judge('GivenBefore')
    expect(metrics).toEqual([])
    expect(summary).toMatchObject({ supported: false, effectiveSamples: 0 })
    expect(summary.message).toContain('the effective sample size is 0')
    expect(judge('Marginal').summary.supported).toBe(true)
  })
})
