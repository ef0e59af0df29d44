import { describe, expect, test } from 'vitest'
import { type Gate, judgeGates, type Measurements } from '../../../workers/evaluation/gates.ts'

const measured: Measurements = {
  metric: (name) => (name === 'Recall@10' ? { mean: 0.1, low: 0.08, high: 0.12 } : undefined),
  relativeGain: (metric, baseline) =>
    metric === 'Recall@10' && baseline === 'ItemCF' ? { mean: 0.05, low: -0.01, high: 0.11 } : undefined,
  differenceToChampion: (metric) => (metric === 'Recall@10' ? { mean: 0.01, low: -0.002, high: 0.02 } : undefined),
}

const gate = (fields: Partial<Gate>): Gate => ({ name: 'g', metric: 'Recall@10', judgedBy: 'IntervalBound', ...fields })

describe('a gate', () => {
  test.each<[string, Partial<Gate>, boolean, string]>([
    ['least value, by the lower end', { min: '0.08' }, true, 'Recall@10 is 0.1 [0.08, 0.12]: lower end reaches 0.08'],
    ['least value not reached', { min: '0.09' }, false, 'Recall@10 is 0.1 [0.08, 0.12]: lower end is below 0.09'],
    [
      'least value, by the mean',
      { min: '0.09', judgedBy: 'Estimate' },
      true,
      'Recall@10 is 0.1 [0.08, 0.12]: mean reaches 0.09',
    ],
    [
      'largest value, by the upper end',
      { max: '0.11' },
      false,
      'Recall@10 is 0.1 [0.08, 0.12]: upper end exceeds 0.11',
    ],
    [
      'largest value, by the mean',
      { max: '0.11', judgedBy: 'Estimate' },
      true,
      'Recall@10 is 0.1 [0.08, 0.12]: mean is within 0.11',
    ],
    [
      'gain, by the lower end',
      { minRelativeToBaseline: { baseline: 'ItemCF', value: '0' } },
      false,
      'gain in Recall@10 over ItemCF is 0.05 [-0.01, 0.11]: lower end is below 0',
    ],
    [
      'gain that may be a loss',
      { minRelativeToBaseline: { baseline: 'ItemCF', value: '-0.05' } },
      true,
      'gain in Recall@10 over ItemCF is 0.05 [-0.01, 0.11]: lower end reaches -0.05',
    ],
    ['of what was not measured', { metric: 'NDCG@3', min: '0' }, false, 'NDCG@3 was not measured'],
    [
      'against a baseline that was not measured',
      { minRelativeToBaseline: { baseline: 'PopRec', value: '0' } },
      false,
      'gain in Recall@10 over PopRec was not measured',
    ],
    [
      'difference to the champion, by the lower end',
      { minDifferenceToChampion: '0' },
      false,
      "Recall@10 less the champion's is 0.01 [-0.002, 0.02]: lower end is below 0",
    ],
    [
      'difference to the champion, by the mean',
      { minDifferenceToChampion: '0.01', judgedBy: 'Estimate' },
      true,
      "Recall@10 less the champion's is 0.01 [-0.002, 0.02]: mean reaches 0.01",
    ],
    [
      'difference to the champion that may be a loss',
      { minDifferenceToChampion: '-0.002' },
      true,
      "Recall@10 less the champion's is 0.01 [-0.002, 0.02]: lower end reaches -0.002",
    ],
    [
      'against a champion that was not measured',
      { metric: 'NDCG@3', minDifferenceToChampion: '-1' },
      false,
      "NDCG@3 less the champion's was not measured",
    ],
    ['that asks for nothing', {}, false, 'gate g asks for nothing'],
  ])('%s', (_, fields, passed, message) => {
    expect(judgeGates([gate(fields)], measured)).toEqual([{ name: 'g', passed, message }])
  })

  test('with several conditions asks for all of them', () => {
    const [outcome] = judgeGates([gate({ min: '0.01', max: '0.11' })], measured)
    expect(outcome.passed).toBe(false)
    expect(outcome.message.split('; ')).toHaveLength(2)
  })
})
