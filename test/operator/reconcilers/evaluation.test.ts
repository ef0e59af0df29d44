import { describe, expect, test } from 'vitest'
import type { EvaluationSummary } from '../../../crds/jobs.ts'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { evaluationRun } from '../../../operator/reconcilers/evaluation.ts'
import { inputDigestOf } from '../../../operator/reconcilers/run/run-kind.ts'
import { advertisingOf, datasetOf, digestOf, lookupIn, objectOf } from './support.ts'

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

describe('an Evaluation on sampled lists', () => {
  type Lists = NonNullable<Evaluation['spec']['sampledLists']>
  const lists = (fields: object): Partial<Evaluation['spec']> => ({
    split: 'Test',
    sampledLists: { targets: 'NextItem', negatives: 'Popularity', ...fields } as Lists,
  })
  const gate = { judgedBy: 'Estimate' as const, name: 'hits', min: '0' }

  test('takes its held-out judge as an input, of its own or that of the market', () => {
    const evaluator = { digest: digestOf('e') }
    expect(resolve(evaluationOf(lists({ graded: { evaluator } })))).toMatchObject({
      digests: { evaluator: digestOf('e') },
    })
    const named = evaluationOf(lists({ graded: { evaluator: { trainingRunRef: { name: 'held-out' } } } }))
    expect(evaluationRun.dependencies(named)).toContainEqual({ kind: 'TrainingRun', name: 'held-out' })
    const digestWith = (name: string) =>
      inputDigestOf(
        evaluationRun,
        evaluationOf(lists({ graded: { evaluator: { trainingRunRef: { name } } } })),
        { evaluator: digestOf('e') },
        'engine',
      )
    expect(digestWith('one')).toBe(digestWith('another'))
  })

  test.each<[string, Partial<Evaluation['spec']>, RegExp]>([
    [
      'a gate is on lists that are not sampled',
      { gates: [{ ...gate, metric: 'Sampled/HR@5' }] },
      /gate "hits" is on Sampled\/HR@5.*spec\.sampledLists/,
    ],
    [
      'negatives are of a request and targets are not',
      lists({ negatives: 'Request' }),
      /sampledLists\.targets to Click/,
    ],
    [
      'two evaluators are named',
      {
        ...lists({ graded: { evaluator: { digest: digestOf('e') } } }),
        market: { evaluator: { digest: digestOf('f') } } as never,
      },
      /are both set; name it in market alone/,
    ],
  ])('is refused where %s', (_, spec, message) => {
    expect(resolve(evaluationOf(spec))).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })

  test.each<[string, object, KubernetesObject, RegExp]>([
    [
      'bids',
      { graded: {} },
      datasetOf(digestOf('a'), advertisingOf(['Bids'])),
      /no bids, but spec\.sampledLists\.graded grades/,
    ],
    [
      'advertising',
      { targets: 'Click' },
      datasetOf(digestOf('a')),
      /no advertising tables.*spec\.sampledLists takes its targets/,
    ],
    ['clicks', { targets: 'Click' }, datasetOf(digestOf('a'), advertisingOf(['Exposures'])), /no exposed lists/],
    ['a truth', { graded: { judge: 'Truth' } }, datasetOf(digestOf('a'), advertisingOf()), /graded\.judge is Truth/],
    [
      'requests of the part',
      { targets: 'Click' },
      datasetOf(digestOf('a'), advertisingOf([], { testRequests: 0 })),
      /no request in its test part/,
    ],
  ])('is refused before anything is launched where the Dataset lacks %s', (_, fields, dataset, message) => {
    expect(resolve(evaluationOf(lists(fields)), [dataset])).toEqual({
      state: 'Invalid',
      message: expect.stringMatching(message),
    })
  })

  test('needs no market for next items, and no full ranking', () => {
    const evaluation = evaluationOf({ ...lists({}), ranking: 'None', gates: [{ ...gate, metric: 'Sampled/HR@5' }] })
    expect(resolve(evaluation, [datasetOf(digestOf('a'))])).toMatchObject({ state: 'Ready' })
  })

  test('tells in status how the lists came out', () => {
    const sampledLists = {
      lists: 9,
      skipped: 0,
      listSize: 30,
      meanListSize: 29.5,
      negatives: 'Uniform',
      unmeasured: [],
    }
    const metrics = [{ name: 'Sampled/HR@1', value: 0.25, low: 0.2, high: 0.3 }]
    const summary: EvaluationSummary = { cases: 0, metrics, sampledLists, gates: [] }
    const artifact = { digest: digestOf('e'), sizeBytes: 1, summary, reused: false }
    expect(evaluationRun.describe(artifact as never, {} as never, 0)).toMatchObject({
      summary: 'Sampled/HR@1 0.2500 [0.2000, 0.3000]',
      sampledLists: { ...sampledLists, meanListSize: '29.50' },
    })
  })
})

describe('an Evaluation of a marketplace', () => {
  const evaluator = { trainingRunRef: { name: 'held-out' } }
  const market = { evaluator } as NonNullable<Evaluation['spec']['market']>
  const heldOut = objectOf<KubernetesObject>(
    'TrainingRun',
    'held-out',
    { datasetRef: { name: 'other-logs' } },
    { digest: digestOf('d') },
  )

  test('waits for its held-out reward model, and takes its digest as an input', () => {
    const evaluation = evaluationOf({ market })
    expect(resolve(evaluation)).toMatchObject({ state: 'Waiting', waitingFor: [{ name: 'held-out' }] })
    expect(resolve(evaluation, [heldOut])).toMatchObject({ state: 'Ready', digests: { evaluator: digestOf('d') } })
    expect(evaluationRun.dependencies(evaluation)).toContainEqual({ kind: 'TrainingRun', name: 'held-out' })
    const byDigest = { ...market, evaluator: { digest: digestOf('e') } }
    expect(resolve(evaluationOf({ market: byDigest }))).toMatchObject({ digests: { evaluator: digestOf('e') } })
  })

  test('has an input digest that the reference has no part in: the digest stands for it', () => {
    const digestWith = (name: string) => {
      const named = { ...market, requests: 10, evaluator: { trainingRunRef: { name } } }
      return inputDigestOf(evaluationRun, evaluationOf({ market: named }), { evaluator: digestOf('d') }, 'engine')
    }
    expect(digestWith('held-out')).toBe(digestWith('another-name'))
  })

  test.each<[string, Partial<Evaluation['spec']>, RegExp]>([
    ['nothing is measured', { ranking: 'None' }, /nothing is measured/],
    [
      'bids weigh nothing',
      { market: { alpha: '0.0', beta: '0' } as never },
      /alpha and market\.beta are both 0.*above 0/,
    ],
    [
      'a search that is not made is bounded',
      { market: { audit: { searchRequests: 5, regretStarts: 0 } } as never },
      /searchRequests bounds a search.*regretStarts above 0/,
    ],
    ['offPolicy has no marketplace', { offPolicy: {} as never }, /offPolicy needs market/],
    [
      'a gate is on what is not measured',
      { gates: [{ name: 'rpm', metric: 'Truth/RPM', min: '0', judgedBy: 'Estimate' }] },
      /gate "rpm" is on Truth\/RPM.*spec\.market/,
    ],
  ])('is refused where %s', (_, spec, message) => {
    expect(resolve(evaluationOf(spec))).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })

  const logged = (lacking: readonly string[] = [], more: object = {}) =>
    datasetOf(digestOf('a'), advertisingOf(lacking, more))

  test.each<[string, Partial<Evaluation['spec']>, KubernetesObject, RegExp]>([
    ['advertising', {}, datasetOf(digestOf('a')), /no advertising tables.*spec\.market/],
    ['requests', {}, logged(['Requests']), /no requests, but spec\.market holds auctions over them/],
    ['bids', {}, logged(['Bids']), /no bids/],
    ['requests of the part', { split: 'Validation' }, logged([], { validationRequests: 0 }), /validation part/],
    ['a truth', { market: { truth: true } as never }, logged(), /no hidden truth, but market\.truth is true/],
    ['budgets', { market: { budgets: {} } as never }, logged(['Budgets']), /no budgets.*advertisers\.columns\.budget/],
    ['propensities', { offPolicy: {} as never }, logged(['Propensities']), /no propensities, but spec\.offPolicy/],
  ])('is refused before anything is launched where the Dataset lacks %s', (_, spec, dataset, message) => {
    const evaluation = evaluationOf({ market: {} as never, split: 'Test', ...spec })
    expect(resolve(evaluation, [dataset])).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })

  test('runs on what the Dataset has: a simulated one has a truth', () => {
    const judged = evaluationOf({ market: { truth: true } as never, split: 'Test' })
    expect(resolve(judged, [logged([], { origin: 'Simulation' })])).toMatchObject({ state: 'Ready' })
    const ranked = evaluationOf({ split: 'Test' })
    expect(resolve(ranked, [datasetOf(digestOf('a'))])).toMatchObject({ state: 'Ready' })
  })

  test('is refused for a run that trained a held-out evaluator alone', () => {
    const evaluator = {
      ...candidate,
      spec: {
        datasetRef: { name: 'logs' },
        model: { architecture: 'EGAV2', ega: {} },
        stages: { reward: { fold: 'Second' } },
      },
    }
    expect(evaluationRun.resolve(evaluationOf({ market }), lookupIn([evaluator, heldOut]))).toEqual({
      state: 'Invalid',
      message: expect.stringMatching(/trains no stage pretrain.*market\.evaluator/),
    })
  })

  test('tells in status how it was measured', () => {
    const summary: EvaluationSummary = {
      cases: 0,
      metrics: [{ name: 'Truth/RPM', value: 12.5, low: 12, high: 13 }],
      market: {
        requests: 500,
        skipped: 2,
        paymentRule: 'GSP',
        judges: ['Model', 'Truth'],
        audited: 180,
        auditEnded: 'Precise',
        auditHalfWidth: 0.0049,
        budgets: { advertisers: 5, ranOut: 2, spentShare: 0.75, refusedShare: 0.1 },
        unmeasured: ['Model/ConversionValue'],
      },
      offPolicy: {
        supported: false,
        message: 'it rests on 46 positive rewards, at least 100 are asked for',
        propensities: 'Marginal',
        rows: 10_000,
        effectiveSamples: 10_000,
        effectivePositives: 46,
        meanWeight: 1,
      },
      gates: [],
    }
    const artifact = { digest: digestOf('e'), sizeBytes: 1, summary }
    expect(evaluationRun.describe(artifact, { observedGeneration: 1 }, 0)).toMatchObject({
      summary: 'Truth/RPM 12.50 [12.00, 13.00]',
      market: {
        audited: 180,
        auditHalfWidth: '0.004900',
        budgets: { advertisers: 5, ranOut: 2, spentShare: '0.7500', refusedShare: '0.1000' },
      },
      offPolicy: { supported: false, propensities: 'Marginal', effectivePositives: '46.00' },
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
