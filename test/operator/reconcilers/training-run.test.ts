import { describe, expect, test } from 'vitest'
import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { inputDigestOf, type RunKind } from '../../../operator/reconcilers/run/run-kind.ts'
import { trainingRunRun } from '../../../operator/reconcilers/training-run.ts'
import { advertisingOf, datasetOf, digestOf, lookupIn, objectOf } from './support.ts'

const tokenizer = objectOf<KubernetesObject>(
  'TokenizerBuild',
  'tokens',
  { datasetRef: { name: 'logs' } },
  { digest: digestOf('b'), inputs: { dataset: digestOf('a') } },
)

const runOf = (name: string, warmStart?: TrainingRun['spec']['warmStart'], digest?: string): TrainingRun =>
  objectOf(
    'TrainingRun',
    name,
    { datasetRef: { name: 'logs' }, tokenizerRef: { name: 'tokens' }, ...(warmStart && { warmStart }) },
    digest === undefined ? {} : { digest },
  )
const from = (name: string) => ({ trainingRunRef: { name } })
const resolve = (run: TrainingRun, others: readonly KubernetesObject[] = []) =>
  trainingRunRun.resolve(run, lookupIn([tokenizer, run, ...others]))

describe('the inputs of a TrainingRun', () => {
  const cold = { dataset: digestOf('a'), tokenizer: digestOf('b') }

  test('are those of its tokenizer, and no parent without warmStart', () => {
    expect(resolve(runOf('child'))).toEqual({ state: 'Ready', digests: cold })
  })

  test('hold the parent that warmStart names, by a digest or by a run', () => {
    const digests = { ...cold, parent: digestOf('c') }
    expect(resolve(runOf('child', { digest: digestOf('c') }))).toEqual({ state: 'Ready', digests })
    const parent = runOf('parent', undefined, digestOf('c'))
    expect(resolve(runOf('child', from('parent')), [parent])).toEqual({ state: 'Ready', digests })
  })

  test('wait for a parent that is not there, or not Ready', () => {
    const waitingFor = [{ kind: 'TrainingRun', name: 'parent' }]
    for (const others of [[], [runOf('parent')]])
      expect(resolve(runOf('child', from('parent')), others)).toMatchObject({ state: 'Waiting', waitingFor })
    expect(trainingRunRun.dependencies(runOf('child', from('parent')))).toContainEqual(waitingFor[0])
  })

  test('are refused where runs wait for each other in a circle', () => {
    expect(resolve(runOf('child', from('child')))).toMatchObject({ state: 'Invalid' })
    const circle = [runOf('one', from('two')), runOf('two', from('child'))]
    expect(resolve(runOf('child', from('one')), circle)).toMatchObject({
      state: 'Invalid',
      message: expect.stringContaining('warmStart.trainingRunRef'),
    })
    // One that only leads into a circle waits for it.
    expect(resolve(runOf('outside', from('child')), [...circle, runOf('child', from('one'))])).toMatchObject({
      state: 'Waiting',
    })
  })

  test('are no circle once the parent has finished', () => {
    const parent = runOf('parent', from('child'), digestOf('c'))
    expect(resolve(runOf('child', from('parent')), [parent])).toMatchObject({ state: 'Ready' })
  })

  test('decide the input digest: another parent is another result, another name of it is not', () => {
    const kind = trainingRunRun as unknown as RunKind
    const of = (run: TrainingRun, parent: string) => inputDigestOf(kind, run, { ...cold, parent }, 'engine')
    const byName = of(runOf('child', from('parent')), digestOf('c'))
    expect(of(runOf('child', { digest: digestOf('c') }), digestOf('c'))).toBe(byName)
    expect(of(runOf('child', from('parent')), digestOf('d'))).not.toBe(byName)
  })
})

describe('a TrainingRun in stages', () => {
  const staged = (stages: object, more: object = {}): TrainingRun =>
    objectOf('TrainingRun', 'ads', {
      datasetRef: { name: 'logs' },
      tokenizerRef: { name: 'tokens' },
      model: { architecture: 'EGAV2', ega: { bidding: { alpha: '1.2', beta: '2' } } },
      stages,
      ...more,
    })
  const allocation = { trained: 'Head', klWeight: '0.1' }
  const all = { pretrain: { targets: ['Exposed'] }, reward: {}, allocation, payment: {} }
  const refusal = (run: TrainingRun, dataset?: KubernetesObject) => resolve(run, dataset === undefined ? [] : [dataset])

  test('starts where the Dataset tells what its stages need', () => {
    expect(refusal(staged(all), datasetOf(digestOf('a'), advertisingOf()))).toMatchObject({ state: 'Ready' })
    const next = staged({ pretrain: { targets: ['NextItems'] } })
    const bare = advertisingOf(['Bids', 'EligibleAds', 'Exposures'], { trainingRequests: 0 })
    expect(refusal(next, datasetOf(digestOf('a'), bare))).toMatchObject({ state: 'Ready' })
  })

  test.each<[string, object, object | undefined, RegExp]>([
    ['no advertising', all, undefined, /no advertising tables, but stages\.pretrain.*spec\.advertising of/],
    ['exposures', { reward: {} }, advertisingOf(['Exposures']), /no exposed lists, but stages\.reward.*exposures/],
    ['exposures', all, advertisingOf(['Exposures']), /no exposed lists, but stages\.pretrain with target Exposed/],
    ['eligible ads', all, advertisingOf(['EligibleAds']), /no eligible ads.*stages\.allocation.*columns\.ads/],
    ['bids', { ...all, allocation: undefined }, advertisingOf(['Bids']), /no bids, but stages\.payment/],
    ['earlier requests', { reward: {} }, advertisingOf([], { trainingRequests: 0 }), /training part.*stages\.reward/],
  ])('is refused before anything is launched where the Dataset lacks %s', (_, stages, advertising, message) => {
    const found = refusal(staged(stages), datasetOf(digestOf('a'), advertising))
    expect(found).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })

  const entries = datasetOf(digestOf('a'), advertisingOf([], { lists: 'Entries' }))
  const modelOf = (part: 'ega' | 'oneRanker', context: string) => ({
    model: { architecture: part === 'ega' ? 'EGAV2' : 'OneRanker', [part]: { reward: { context }, ...weighing } },
  })
  const weighing = { bidding: { alpha: '1.2', beta: '2' }, sampledItems: 0 }
  const nextItems = { pretrain: { targets: ['NextItems'] }, reward: {} }
  const ordered = { ...nextItems, ranking: { labels: 'Logged', rankWeight: '1', consistencyWeight: '1' } }

  test.each<[string, 'ega' | 'oneRanker', object, string, RegExp]>([
    ['a generator of them', 'ega', all, 'Pointwise', /pretrain with target Exposed learns from whole lists.*NextItems/],
    [
      'a reward model of them',
      'ega',
      nextItems,
      'Permutation',
      /"logs" has entries.*stages\.reward learns from whole lists; set model\.ega\.reward\.context to Pointwise/,
    ],
    ['the same of OneRanker', 'oneRanker', { reward: {} }, 'Permutation', /model\.oneRanker\.reward/],
    ['labels of them', 'oneRanker', ordered, 'Pointwise', /labels Logged learns from whole lists.*RewardModel/],
  ])('is refused where lists are not whole, for %s', (_, part, stages, context, message) => {
    const found = refusal(staged({ order: 'Phases', ...stages }, modelOf(part, context)), entries)
    expect(found).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })

  test('starts on entries of lists where each is judged by itself', () => {
    const auctions = { ...nextItems, allocation, payment: {} }
    expect(refusal(staged(auctions, modelOf('ega', 'Pointwise')), entries)).toMatchObject({ state: 'Ready' })
    const clicked = { pretrain: { targets: ['Exposed'] } }
    const oneRanker = { architecture: 'OneRanker', oneRanker: { ranking: false, sampledItems: 0 } }
    expect(refusal(staged(clicked, { model: oneRanker }), entries)).toMatchObject({ state: 'Ready' })
  })

  test('leaves it to the worker where the status of the Dataset is of another revision', () => {
    expect(refusal(staged(all), datasetOf(digestOf('f')))).toMatchObject({ state: 'Ready' })
    expect(refusal(staged(all))).toMatchObject({ state: 'Ready' })
  })

  test.each<[string, object, object, RegExp]>([
    ['no stages', undefined as never, {}, /needs model\.ega and stages/],
    ['neither first stage', { allocation: {} }, {}, /neither pretrain nor reward/],
    ['allocation without a reward model', { pretrain: {}, allocation: {} }, {}, /stages\.allocation needs/],
    ['payment without a generator', { reward: {}, payment: {} }, {}, /stages\.payment needs/],
    ['a warm start', all, { warmStart: { digest: digestOf('c') } }, /leave out warmStart/],
    ["OneRanker's stage", { ...all, ranking: {} }, {}, /stages\.ranking is of architecture OneRanker/],
    [
      'what a joint stage does not read',
      { ...all, order: 'Joint', allocation: { ...allocation, trained: 'Full' } },
      {},
      /leave out/,
    ],
    [
      'a tether of the head',
      { ...all, allocation: { ...allocation, klWeight: '0.2' } },
      {},
      /trained to Full, or leave klWeight out/,
    ],
    [
      'bids that weigh nothing',
      all,
      { model: { architecture: 'EGAV2', ega: { bidding: { alpha: '0', beta: '0.0' } } } },
      /alpha and beta are both 0.*above 0/,
    ],
    [
      'an order that nothing searches by',
      { reward: {} },
      {
        model: {
          architecture: 'EGAV2',
          ega: { allocation: 'Cascade', bidding: { weights: 'None' }, organicOrder: 'Free' },
        },
      },
      /leave out model\.ega\.organicOrder/,
    ],
    [
      'a unit of bids that weigh nothing',
      { reward: {} },
      { model: { architecture: 'EGAV2', ega: { bidding: { weights: 'None', unit: 'Money' } } } },
      /leave out model\.ega\.bidding\.unit/,
    ],
    [
      'token bids of a cascade',
      { reward: {} },
      { model: { architecture: 'EGAV2', ega: { allocation: 'Cascade', bidding: {} } } },
      /set model\.ega\.bidding\.weights to None/,
    ],
  ])('is refused by the operator too with %s: the embedded server knows no rules', (_, stages, more, message) => {
    expect(refusal(staged(stages, more))).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })
})

describe('a TrainingRun of OneRanker', () => {
  const run = (stages: object | undefined, oneRanker: object | undefined = {}, more: object = {}): TrainingRun =>
    objectOf('TrainingRun', 'ads', {
      datasetRef: { name: 'logs' },
      tokenizerRef: { name: 'tokens' },
      model: { architecture: 'OneRanker', oneRanker },
      stages,
      ...more,
    })
  const all = { pretrain: { targets: ['NextItems'] }, reward: {}, ranking: {}, payment: {} }

  test('starts with what its stages need, in phases or in one', () => {
    for (const stages of [all, { order: 'Joint', reward: {}, ranking: {} }, { reward: {} }])
      expect(resolve(run(stages), [datasetOf(digestOf('a'), advertisingOf())])).toMatchObject({ state: 'Ready' })
  })

  test.each<[string, object, string[], RegExp]>([
    ['eligible ads', { ...all, payment: undefined }, ['EligibleAds'], /no eligible ads.*stages\.ranking.*columns\.ads/],
    ['bids', { ...all, payment: undefined }, ['Bids'], /no bids, but stages\.ranking/],
    [
      'exposures',
      { ...all, reward: undefined, payment: undefined, ranking: { labels: 'Logged' } },
      ['Exposures'],
      /no exposed lists, but stages\.ranking with labels Logged/,
    ],
  ])('is refused where the Dataset lacks %s', (_, stages, lacking, message) => {
    const found = resolve(run(stages), [datasetOf(digestOf('a'), advertisingOf(lacking as never))])
    expect(found).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })

  test.each<[string, TrainingRun, RegExp]>([
    ['no stages', run(undefined), /needs model\.oneRanker and stages/],
    ['no sizes of its own', run(all, undefined, { model: { architecture: 'OneRanker' } }), /needs model\.oneRanker/],
    ['a warm start', run(all, {}, { warmStart: { digest: digestOf('c') } }), /OneRanker.*leave out warmStart/],
    ["EGA-V2's stage", run({ ...all, allocation: {} }), /stages\.allocation is of architecture EGAV2/],
    ['nothing to train', run({}), /none of pretrain, reward and ranking/],
    ['a joint stage after another', run({ ...all, order: 'Joint' }), /leave out stages\.pretrain/],
    ['no generator to rank for', run({ reward: {}, ranking: {} }), /needs stages\.pretrain before it/],
    ['prices of no generator', run({ reward: {}, payment: {} }), /stages\.payment needs/],
    ['a ranker that is not there', run(all, { ranking: false }), /set model\.oneRanker\.ranking to true/],
    ['a ranker that is not trained', run({ pretrain: {} }), /set model\.oneRanker\.ranking to false/],
    ['no labels', run({ pretrain: {}, ranking: {} }), /needs stages\.reward before it, or labels Logged/],
    ['samples of no loss', run(all, { refinement: false, sampledItems: 9 }), /sampledItems.*set it to 0/],
    [
      'nobody to propose candidates',
      run({ ...all, ranking: { consistencyWeight: '0', ownCandidates: 1 } }, { refinement: false }),
      /ownCandidates.*set it to 0/,
    ],
    ['more own candidates than all', run({ ...all, ranking: { ownCandidates: 6 } }, { candidates: 6 }), /below/],
    ['a ranker that learns nothing', run({ ...all, ranking: { rankWeight: '0' } }), /rankWeight must be above 0/],
    [
      'a temperature of no loss',
      run({ ...all, ranking: { consistencyWeight: '0', temperature: '2' } }),
      /leaves L_DC out; leave out consistencyWarmupSteps and temperature/,
    ],
    [
      'a warm-up of no loss',
      run({ ...all, ranking: { consistencyWeight: '0', consistencyWarmupSteps: 9 } }),
      /leaves L_DC out; leave out consistencyWarmupSteps/,
    ],
    [
      'candidates that no loss hears of',
      run({ ...all, ranking: { labels: 'Logged', consistencyWeight: '0', ownCandidates: 1 } }),
      /leave out stages\.ranking\.ownCandidates/,
    ],
    [
      'a weight of clicks beside that of pretrain',
      run({ ...all, ranking: { clickedWeight: '2' } }),
      /give stages\.pretrain\.clickedWeight/,
    ],
    [
      'a weight of clicks that are not learned',
      run({ pretrain: { targets: ['NextItems'], clickedWeight: '2' } }, { ranking: false }),
      /add Exposed to stages\.pretrain\.targets/,
    ],
    [
      'a route where there is one way',
      run({ ...all, ranking: { consistencyWeight: '0' } }, { refinement: false, candidateRoute: 'SemanticIds' }),
      /leave out model\.oneRanker\.candidateRoute/,
    ],
    ['nothing to draw to the ranker', run(all, { refinement: false }), /consistencyWeight.*set it to "0"/],
  ])('is refused by the operator too with %s', (_, spec, message) => {
    expect(resolve(spec, [])).toEqual({ state: 'Invalid', message: expect.stringMatching(message) })
  })
})

test('status tells the parent and what was taken from it, and nothing of either after a cold start', () => {
  const summary = { epochs: 2, bestEpoch: 1, trainingLoss: 1, validationNdcg: 0.5, parameters: 10 }
  const artifact = { digest: digestOf('e'), sizeBytes: 1 }
  const status = { observedGeneration: 1 }
  const lineage = { parent: digestOf('c'), warmStart: { takenParameters: 8, initialParameters: 2, newItems: 1 } }
  const warm = trainingRunRun.describe({ ...artifact, summary: { ...summary, ...lineage } }, status, 0)
  expect(warm).toMatchObject(lineage)
  const cold = trainingRunRun.describe({ ...artifact, summary }, status, 0)
  expect(Object.keys(cold).sort()).toEqual(
    Object.keys(summary)
      .map((key) => (key === 'epochs' ? 'epoch' : key))
      .sort(),
  )
})
