import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Estimator,
  estimatePolicy,
  type PolicyEstimateOptions,
} from '../../../../workers/evaluation/off-policy/estimate-policy.ts'
import { actionsOf, type BanditLog, bandit, logOf, targetValue } from './simulated-bandit.ts'

const all: Estimator[] = ['IPS', 'SNIPS', 'DR']
const options: PolicyEstimateOptions = {
  estimators: all,
  clip: Number.POSITIVE_INFINITY,
  rule: { minEffectiveSamples: 100, minPositives: 50 },
  samples: 200,
  seed: 1,
}

const estimateOf = (log: BanditLog, estimator: Estimator, changed: Partial<PolicyEstimateOptions> = {}) => {
  const { estimates } = estimatePolicy(actionsOf(log), { ...options, ...changed, estimators: [estimator] })
  const found = estimates.get(estimator)
  if (found === undefined) throw new Error(`${estimator} was not estimated`)
  return found
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

describe('on logs of a policy of known value', () => {
  const truth = targetValue(bandit)
  const logs = Array.from({ length: 200 }, (_, seed) =>
    logOf(bandit, { rows: 400, seed, model: (chance) => 0.5 * chance + 0.1 }),
  )

  test.each(all)('%s is right on average, within three standard errors of 200 logs', (estimator) => {
    const errors = logs.map((log) => estimateOf(log, estimator, { samples: 2 }).mean - truth)
    const spread = Math.sqrt(mean(errors.map((error) => error ** 2)) / errors.length)
    expect(Math.abs(mean(errors))).toBeLessThan(3 * spread)
    // A mean that is right because it is noise would say nothing.
    expect(spread).toBeLessThan(0.005)
  })

  test.each(all)('the interval of %s holds the value in about 95 of 100 logs', (estimator) => {
    const held = logs.slice(0, 100).filter((log) => {
      const { low, high } = estimateOf(log, estimator)
      return low <= truth && truth <= high
    })
    expect(held.length).toBeGreaterThanOrEqual(88)
  })

  test('DR varies less than IPS where the model of the rewards is any good', () => {
    const varianceOf = (estimator: Estimator): number =>
      mean(logs.map((log) => (estimateOf(log, estimator, { samples: 2 }).mean - truth) ** 2))
    expect(varianceOf('DR')).toBeLessThan(0.9 * varianceOf('IPS'))
  })

  test('the logging policy itself earns its mean reward, exactly, by every weighted estimator', () => {
    const log = logOf(bandit, { rows: 300, seed: 5 })
    const same = { ...log, target: log.logging }
    for (const estimator of ['IPS', 'SNIPS'] as const)
      expect(estimateOf(same, estimator).mean).toBeCloseTo(mean(log.reward), 12)
    expect(estimatePolicy(actionsOf(same), options).logged.mean).toBeCloseTo(mean(log.reward), 12)
  })

  test('DR needs no weights where the model is the truth: wrong propensities change nothing', () => {
    const log = logOf(bandit, { rows: 300, seed: 6, certain: true })
    const wrong = { ...log, logging: log.logging.map((probability) => probability / 2) }
    expect(estimateOf(wrong, 'DR').mean).toBeCloseTo(mean(log.expected.target), 12)
    expect(Math.abs(estimateOf(wrong, 'IPS').mean - truth)).toBeGreaterThan(0.1)
  })

  test('the mean weight is 1 where the log covers the policy, and tells where it does not', () => {
    const log = logOf(bandit, { rows: 4000, seed: 7 })
    const { low, high } = estimatePolicy(actionsOf(log), options).meanWeight
    expect(low).toBeLessThan(1)
    expect(high).toBeGreaterThan(1)
    const uncovered = { ...log, target: log.target.map((probability) => probability / 2) }
    expect(estimatePolicy(actionsOf(uncovered), options).meanWeight.high).toBeLessThan(0.6)
  })

  test('rows of one user are drawn together', () => {
    const log = logOf(bandit, { rows: 300, seed: 8 })
    const tenTimes = (values: Float64Array) => Float64Array.from({ length: 3000 }, (_, row) => values[row % 300])
    const repeated: BanditLog = {
      user: Uint32Array.from({ length: 3000 }, (_, row) => row % 300),
      reward: tenTimes(log.reward),
      logging: tenTimes(log.logging),
      target: tenTimes(log.target),
    }
    const once = estimateOf(log, 'IPS')
    expect(estimateOf(repeated, 'IPS')).toEqual({
      mean: expect.closeTo(once.mean, 12),
      low: expect.closeTo(once.low, 12),
      high: expect.closeTo(once.high, 12),
    })
  })
})

const row = fc.record({
  reward: fc.double({ min: 0, max: 5, noNaN: true }),
  logging: fc.double({ min: 0.01, max: 1, noNaN: true }),
  target: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1, noNaN: true })),
  logged: fc.double({ min: 0, max: 5, noNaN: true }),
  expected: fc.double({ min: 0, max: 5, noNaN: true }),
})
const rows = fc.array(row, { minLength: 1, maxLength: 30 })
const logFrom = (values: readonly { [K in 'reward' | 'logging' | 'target' | 'logged' | 'expected']: number }[]) => {
  const column = (name: 'reward' | 'logging' | 'target' | 'logged' | 'expected') =>
    Float64Array.from(values, (value) => value[name])
  return {
    user: Uint32Array.from(values, (_, index) => index),
    reward: column('reward'),
    logging: column('logging'),
    target: column('target'),
    expected: { logged: column('logged'), target: column('expected') },
  }
}
const brief = { samples: 2 }

describe('properties', () => {
  test('clipping only ever lowers IPS of rewards of at least 0, the more the lower the clip', () => {
    fc.assert(
      fc.property(
        rows,
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (values, clip, by) => {
          const log = logFrom(values)
          const at = (limit: number) => estimateOf(log, 'IPS', { ...brief, clip: limit }).mean
          expect(at(clip)).toBeLessThanOrEqual(at(clip * by) + 1e-12)
          expect(at(clip * by)).toBeLessThanOrEqual(at(Number.POSITIVE_INFINITY) + 1e-12)
        },
      ),
    )
  })

  test('SNIPS stays in the range of the rewards, and moves with them', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: -5, max: 5, noNaN: true }), (values, shift) => {
        const log = logFrom(values)
        const { mean: value } = estimateOf(log, 'SNIPS', brief)
        fc.pre(!Number.isNaN(value))
        expect(value).toBeGreaterThanOrEqual(Math.min(...log.reward) - 1e-9)
        expect(value).toBeLessThanOrEqual(Math.max(...log.reward) + 1e-9)
        const moved = { ...log, reward: log.reward.map((reward) => reward + shift) }
        expect(estimateOf(moved, 'SNIPS', brief).mean).toBeCloseTo(value + shift, 9)
      }),
    )
  })

  test('SNIPS does not care for the scale of the propensities', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0.1, max: 1, noNaN: true }), (values, scale) => {
        const log = logFrom(values)
        const { mean: value } = estimateOf(log, 'SNIPS', brief)
        fc.pre(!Number.isNaN(value))
        const scaled = { ...log, logging: log.logging.map((probability) => probability * scale) }
        expect(estimateOf(scaled, 'SNIPS', brief).mean).toBeCloseTo(value, 9)
      }),
    )
  })

  test('DR with a model that knows nothing is IPS, and with the rewards themselves is the model', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const log = logFrom(values)
        const nothing = new Float64Array(values.length)
        const blind = { ...log, expected: { logged: nothing, target: nothing } }
        expect(estimateOf(blind, 'DR', brief).mean).toBeCloseTo(estimateOf(log, 'IPS', brief).mean, 9)
        const knowing = { ...log, expected: { logged: log.reward, target: log.expected.target } }
        expect(estimateOf(knowing, 'DR', brief).mean).toBeCloseTo(mean(log.expected.target), 9)
      }),
    )
  })
})

describe('what is no log is refused', () => {
  const log = logFrom([{ reward: 1, logging: 0.5, target: 0.5, logged: 0, expected: 0 }])
  test.each<[string, Partial<BanditLog>, string]>([
    ['a propensity of 0', { logging: Float64Array.of(0) }, 'logging propensity of entry 0 is 0'],
    ['a propensity that is not told', { logging: Float64Array.of(Number.NaN) }, 'logging propensity of entry 0 is NaN'],
    ['a probability above 1', { target: Float64Array.of(1.5) }, 'target probability of entry 0 is 1.5'],
    ['a reward that is no number', { reward: Float64Array.of(Number.NaN) }, 'reward of row 0 is NaN'],
    ['columns of other lengths', { reward: Float64Array.of(1, 2) }, 'reward has 2 rows, there are 1'],
  ])('%s', (_, changed, message) => {
    expect(() => estimatePolicy(actionsOf({ ...log, ...changed }), options)).toThrow(message)
  })

  test('DR without a model', () => {
    const { expected: _, ...bare } = log
    expect(() => estimatePolicy(actionsOf(bare), options)).toThrow('DR needs the expected rewards of a model')
  })
})
