import { describe, expect, test } from 'vitest'
import type { EvaluationSummary } from '../../../crds/jobs.ts'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { evaluationRun } from '../../../operator/reconcilers/evaluation.ts'
import { digestOf, lookupIn, objectOf } from './support.ts'

const candidate = objectOf<KubernetesObject>(
  'TrainingRun',
  'candidate',
  { datasetRef: { name: 'logs' } },
  { digest: digestOf('c'), inputs: { dataset: digestOf('a') } },
)
const evaluationOf = (spec: Partial<Evaluation['spec']>): Evaluation =>
  objectOf('Evaluation', 'judge', {
    model: { trainingRunRef: { name: 'candidate' } },
    datasetRef: { name: 'logs' },
    ...spec,
  })
const resolve = (evaluation: Evaluation, others: readonly KubernetesObject[] = []) =>
  evaluationRun.resolve(evaluation, lookupIn([candidate, ...others]))
const gates = [
  { name: 'no-loss', metric: 'Recall@10', minDifferenceToChampion: '0', judgedBy: 'IntervalBound' as const },
]

describe('the inputs of an Evaluation', () => {
  const digests = { dataset: digestOf('a'), model: digestOf('c') }

  test('hold the champion where one is named, whatever revision it learned', () => {
    expect(resolve(evaluationOf({}))).toEqual({ state: 'Ready', digests })
    const champion = { ...digests, champion: digestOf('d') }
    expect(resolve(evaluationOf({ champion: { digest: digestOf('d') }, gates }))).toEqual({
      state: 'Ready',
      digests: champion,
    })
    const run = objectOf<KubernetesObject>(
      'TrainingRun',
      'champion',
      { datasetRef: { name: 'older-logs' } },
      { digest: digestOf('d') },
    )
    const named = evaluationOf({ champion: { trainingRunRef: { name: 'champion' } } })
    expect(resolve(named, [run])).toEqual({ state: 'Ready', digests: champion })
    expect(evaluationRun.dependencies(named)).toContainEqual({ kind: 'TrainingRun', name: 'champion' })
  })

  test('wait for a champion that is not Ready, and say so', () => {
    expect(resolve(evaluationOf({ champion: { trainingRunRef: { name: 'champion' } } }))).toMatchObject({
      state: 'Waiting',
      message: expect.stringContaining('"champion"'),
      waitingFor: [{ kind: 'TrainingRun', name: 'champion' }],
    })
  })

  test('are refused when a gate names the champion and there is none', () => {
    expect(resolve(evaluationOf({ gates }))).toEqual({
      state: 'Invalid',
      message: expect.stringMatching(/gate "no-loss".*spec\.champion/),
    })
  })
})

test('status shows the comparison with the champion in decimals', () => {
  const summary: EvaluationSummary = {
    cases: 10,
    metrics: [{ name: 'Recall@10', value: 0.5, low: 0.4, high: 0.6 }],
    comparison: [{ metric: 'Recall@10', difference: -0.0125, low: -0.03, high: 0 }],
    gates: [],
  }
  const describe = (of: EvaluationSummary) =>
    evaluationRun.describe({ digest: digestOf('e'), sizeBytes: 1, summary: of }, { observedGeneration: 1 }, 0)
  expect(describe(summary)).toMatchObject({
    comparison: [{ metric: 'Recall@10', difference: '-0.01250', low: '-0.03000', high: '0' }],
  })
  const { comparison: _, ...alone } = summary
  expect(describe(alone)).not.toHaveProperty('comparison')
})
