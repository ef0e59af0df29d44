import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CandidateScores } from '../../../../workers/evaluation/sampled/candidate-scorer.ts'
import { rankNormalisedGains } from '../../../../workers/evaluation/sampled/gains.ts'
import type { SampledList } from '../../../../workers/evaluation/sampled/lists.ts'
import { UnorderedListError } from '../../../../workers/evaluation/sampled/order.ts'
import { reportSampled } from '../../../../workers/evaluation/sampled/report.ts'
import type { Judged } from '../../../../workers/evaluation/sampled/sampled-group.ts'
import { listOf, permuted, randomScores, sizes } from './support.ts'

const options = { samples: 400, seed: 1 }
const report = (judged: Judged, scores: readonly CandidateScores[], champion?: readonly CandidateScores[]) =>
  reportSampled(judged, { name: '', scores }, champion ? [{ name: 'Champion', scores: champion }] : [], options)
const valuesOf = (judged: Judged, scores: readonly CandidateScores[]) =>
  Object.fromEntries(report(judged, scores).metrics.map((metric) => [metric.name, metric]))

const lists = (count: number, size: number): SampledList[] =>
  Array.from({ length: count }, (_, index) => listOf(size, { cluster: index >> 1 }))
const ecpm = (count: number, size: number): Float64Array[] =>
  Array.from({ length: count }, (_, index) =>
    Float64Array.from({ length: size }, (_each, place) => (place * index) % 7),
  )
const graded = (count: number, size: number) => ({
  gain: 'RankNormalised' as const,
  gains: rankNormalisedGains(ecpm(count, size)),
  ecpm: ecpm(count, size),
})

describe('metrics of sampled lists', () => {
  test('are those of the ranks', () => {
    const judged = { lists: lists(2, 4), cutoffs: [1, 3], seed: 1 }
    const scores = [
      { final: Float32Array.of(9, 1, 2, 3), generator: Float32Array.of(9, 1, 2, 3) },
      { final: Float32Array.of(2, 3, 4, 1), generator: Float32Array.of(4, 3, 2, 1) },
    ]
    const values = valuesOf(judged, scores)
    expect(values['Sampled/HR@1'].value).toBe(0.5)
    expect(values['Sampled/HR@3'].value).toBe(1)
    expect(values['Sampled/NDCG@3'].value).toBeCloseTo((1 + 0.5) / 2, 12)
    // Of the second list: ranks 3, 2, 1, 4 after 1, 2, 3, 4 before: 2, 0, 2, 0 apart.
    expect(values['Consistency/RankDifference'].value).toBeCloseTo(0.5, 12)
    expect(values['Consistency/RankDifferenceIQR'].value).toBe(0)
    expect(values['Consistency/Overlap@1'].value).toBe(0.5)
    expect(values['Consistency/Overlap@3'].value).toBe(1)
    expect(values['Chance Sampled/HR@3'].value).toBe(0.75)
  })

  test('of a scorer that tells nothing meet the level of chance within their intervals', () => {
    const judged = { lists: lists(3000, 30), cutoffs: [1, 5, 15], graded: graded(3000, 30), seed: 1 }
    for (const scores of [
      randomScores(judged.lists, 7),
      // All alike: the order of equals must not favour the target, which is always the first here.
      judged.lists.map(({ candidates }) => ({ final: new Float32Array(candidates.length) })),
    ]) {
      const values = valuesOf(judged, scores)
      const measured = Object.keys(values).filter((name) => !name.startsWith('Chance'))
      expect(measured.length).toBeGreaterThanOrEqual(9)
      for (const name of measured) {
        const { value, low, high } = values[name]
        const chance = values[`Chance ${name}`].value
        const width = Math.max(high - low, 1e-12)
        if (name === 'Consistency/RankDifferenceIQR') expect(Math.abs(value - chance)).toBeLessThanOrEqual(1)
        else expect(Math.abs(value - chance) / width, name).toBeLessThan(1)
      }
    }
  })

  test('do not depend on where in its list a candidate stands', () => {
    const cases = sizes.chain((size) =>
      fc.record({
        scores: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: size, maxLength: size }),
        before: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: size, maxLength: size }),
        worth: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: size, maxLength: size }),
        order: fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
      }),
    )
    fc.assert(
      fc.property(cases, ({ scores, before, worth, order }) => {
        const list = listOf(scores.length)
        const given = { final: Float32Array.from(scores), generator: Float32Array.from(before) }
        const ecpm = [Float64Array.from(worth)]
        const gains = rankNormalisedGains(ecpm)
        const base = { cutoffs: [1, 2, 5], seed: 3 }
        const expected = report({ ...base, lists: [list], graded: { gain: 'RankNormalised', gains, ecpm } }, [given])
        const moved = { ...list, candidates: permuted(list.candidates, order), target: order.indexOf(0) }
        const found = report(
          {
            ...base,
            lists: [moved],
            graded: {
              gain: 'RankNormalised',
              gains: [permuted(gains[0], order)],
              ecpm: [permuted(ecpm[0], order)],
            },
          },
          [{ final: permuted(given.final, order), generator: permuted(given.generator, order) }],
        )
        expect(found.unmeasured).toEqual(expected.unmeasured)
        found.metrics.forEach(({ name, value }, index) => {
          expect(name).toBe(expected.metrics[index].name)
          expect(value).toBeCloseTo(expected.metrics[index].value, 12)
        })
      }),
      { numRuns: 30 },
    )
  })

  test('are compared in pairs on the same lists', () => {
    const judged = { lists: lists(40, 10), cutoffs: [3], seed: 1 }
    const scores = randomScores(judged.lists, 1)
    const same = report(judged, scores, scores)
    for (const { difference } of same.comparisons) expect(difference).toEqual({ mean: 0, low: 0, high: 0 })
    const worse = report(judged, scores, randomScores(judged.lists, 2))
    const gain = worse.comparisons.find(({ metric }) => metric === 'Sampled/HR@3')
    const value = (name: string) => worse.metrics.find((metric) => metric.name === name)?.value ?? Number.NaN
    expect(gain?.difference.mean).toBeCloseTo(value('Sampled/HR@3') - value('Champion Sampled/HR@3'), 12)
  })

  test('say nothing of steps where a system has one alone', () => {
    const judged = { lists: lists(4, 5), cutoffs: [2], seed: 1 }
    const scores = randomScores(judged.lists, 1)
    const { metrics, comparisons } = report(
      judged,
      scores.map(({ final }) => ({ final })),
      scores,
    )
    const names = metrics.map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('Consistency') || name.startsWith('Chance Consistency'))).toEqual([])
    expect(names).toContain('Champion Consistency/Overlap@2')
    expect(comparisons.map(({ metric }) => metric)).toEqual(['Sampled/HR@2', 'Sampled/NDCG@2'])
  })

  test('leave out of graded ones the lists whose candidates are worth the same', () => {
    const given = { lists: [listOf(3), listOf(3, { cluster: 1 })], cutoffs: [1], seed: 1 }
    const best = { final: Float32Array.of(1, 2, 3) }
    const gains = [Float64Array.of(0.5, 0.5, 0.5), Float64Array.of(0, 0.5, 1)]
    const ecpm = gains
    const values = valuesOf({ ...given, graded: { gain: 'Quantile', gains, ecpm } }, [best, best])
    // Resamples with the first list alone have no value, and no part in the interval.
    expect(values['Sampled/ECPM-Quantile-NDCG@1']).toMatchObject({ value: 1, low: 1, high: 1 })
    const none = report({ ...given, graded: { gain: 'Quantile', gains: [gains[0], gains[0]], ecpm } }, [best, best])
    expect(none.unmeasured).toEqual(['Sampled/ECPM-Quantile-NDCG@1', 'Chance Sampled/ECPM-Quantile-NDCG@1'])
  })

  test('weigh hits by the eCPM of their targets', () => {
    const given = { lists: [listOf(3), listOf(3, { cluster: 1 })], cutoffs: [1, 2], seed: 1 }
    // The target of the first list comes first, that of the second last; it is worth three times as much.
    const scores = [{ final: Float32Array.of(3, 2, 1) }, { final: Float32Array.of(1, 2, 3) }]
    const ecpm = [Float64Array.of(0.5, 9, 9), Float64Array.of(1.5, 9, 9)]
    const values = valuesOf(
      { ...given, graded: { gain: 'RankNormalised', gains: rankNormalisedGains(ecpm), ecpm } },
      scores,
    )
    expect(values['Sampled/HR@1'].value).toBe(0.5)
    expect(values['Sampled/ECPM-HR@1'].value).toBe(0.25)
    expect(values['Chance Sampled/ECPM-HR@2'].value).toBeCloseTo(2 / 3, 12)
  })

  test('refuse a score that is no number', () => {
    const judged = { lists: lists(1, 3), cutoffs: [1], seed: 1 }
    expect(() => report(judged, [{ final: Float32Array.of(1, Number.NaN, 2) }])).toThrow(UnorderedListError)
  })
})
