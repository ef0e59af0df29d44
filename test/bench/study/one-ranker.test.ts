import { expect, test } from 'vitest'
import { mechanisms } from '../../../bench/market/terms.ts'
import { publishedGain } from '../../../bench/oneranker/published.ts'
import { chance, oneRankerTables, oneRankerTerms } from '../../../bench/oneranker/terms.ts'
import { chosenOf, ofSampledLists, readStudy, withSeed } from '../../../bench/study/manifests.ts'
import { shortened } from '../../../bench/study/shortened.ts'

const whole = readStudy('/data', ['market-beauty', 'oneranker-beauty'])
const study = ofSampledLists(whole)

test('every row of the tables is an evaluation, and every evaluation is in a table', () => {
  const rows = new Set(oneRankerTables.flatMap(({ rows: listed = [] }) => listed))
  rows.delete(chance)
  expect(rows).toEqual(new Set(study.evaluations.keys()))
  for (const row of rows) expect(rows).toContain(oneRankerTerms.referenceOf(row))
})

test('all are measured on the same lists of thirty, by the protocol of the paper', () => {
  const asked = [...study.evaluations.values()].map(({ sampledLists }) => sampledLists)
  for (const lists of asked) expect({ ...lists, addBids: undefined }).toEqual({ ...asked[0], addBids: undefined })
  expect(asked[0]).toMatchObject({ listSize: 30, cutoffs: [1, 3, 5, 10, 15], graded: { judge: 'Truth' } })
})

test('each ablation is the whole model but for the parts that it leaves out', () => {
  const left = Object.fromEntries(
    [...study.trainings].map(([name, spec]) => [name, differencesOf(spec, study.trainings.get('one-ranker'))]),
  )
  const noRanker = { 'model.oneRanker.ranking': false, 'stages.ranking': undefined }
  const noRefinement = { 'model.oneRanker.refinement': false, 'model.oneRanker.sampledItems': 0 }
  const backbone = { ...noRanker, ...noRefinement }
  const asManyEpochs = { maxEpochs: 4 }
  const noConsistency = { 'stages.ranking.consistencyWeight': '0' }
  expect(left).toEqual({
    hstu: { ...backbone, 'model.oneRanker.interestTokens': 1 },
    'gpr-like': backbone,
    'hstu-with-bids': { ...backbone, ...asManyEpochs, 'model.oneRanker.interestTokens': 1 },
    'gpr-like-with-bids': { ...backbone, ...asManyEpochs },
    'step-2-only-with-bids': { ...noRanker, ...asManyEpochs },
    'one-ranker': {},
    'without-consistency': noConsistency,
    'without-step-2-memory': { 'model.oneRanker.rankerMemory': 'StepOne' },
    'ranker-on-step-1': { ...noConsistency, ...noRefinement },
    'step-2-only': noRanker,
    'step-2-without-fake-items': { ...noRanker, 'model.oneRanker.fakeItems': 0 },
    'step-2-without-decoupling': {
      ...noRanker,
      'model.oneRanker.fakeItems': 0,
      'model.oneRanker.taskDecoupling': false,
    },
    'step-2-self-first': { ...noRanker, 'model.oneRanker.attentionOrder': 'SelfFirst' },
    'step-2-full-mask': { ...noRanker, 'model.oneRanker.selfMask': 'Full' },
  })
})

test('rows with bids are trained for as many epochs as both stages of OneRanker, and alone have the bid added', () => {
  const { maxEpochs = 0, stages } = study.trainings.get('one-ranker') ?? {}
  for (const [name, { sampledLists }] of study.evaluations) {
    const isWithBids = name.endsWith('-with-bids')
    expect(sampledLists?.addBids ?? false).toBe(isWithBids)
    if (!isWithBids) continue
    expect(study.trainings.get(name)?.maxEpochs).toBe(maxEpochs + (stages?.ranking?.maxEpochs ?? 0))
    expect(oneRankerTerms.referenceOf(name)).toBe('one-ranker')
    expect(oneRankerTerms.publishedDifference(name, 'Sampled/HR@5')).toBeUndefined()
  }
})

/** What another spec has in place of this one's, by path. */
function differencesOf(ours: unknown, theirs: unknown, path: readonly string[] = []): Record<string, unknown> {
  if (ours !== undefined && isObject(ours) && isObject(theirs)) {
    const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)])
    return Object.assign({}, ...[...keys].map((key) => differencesOf(ours[key], theirs[key], [...path, key])))
  }
  return JSON.stringify(ours) === JSON.stringify(theirs) ? {} : { [path.join('.')]: ours }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

test('the sizes are no smaller than those of the study of EGA-V2, and so is the market', () => {
  const egaV2 = whole.trainings.get('ega-v2')
  for (const { model } of study.trainings.values()) {
    expect(model.hiddenSize).toBeGreaterThanOrEqual(egaV2?.model.hiddenSize ?? 0)
    expect(model.layers).toBeGreaterThanOrEqual(egaV2?.model.layers ?? 0)
    expect(model.historyLength).toBeGreaterThanOrEqual(egaV2?.model.historyLength ?? 0)
    expect(model.oneRanker).toMatchObject({ constraints: egaV2?.model.ega?.constraints, listLength: 10 })
  }
})

test('the market compares mechanisms on the same requests, by the same judge, with what they need and no more', () => {
  const market = chosenOf(whole, mechanisms)
  expect([...market.evaluations.keys()]).toEqual([...mechanisms])
  expect(new Set(market.trainings.keys())).toEqual(
    new Set(['cascade', 'ega-v2', 'one-ranker-priced', 'held-out-judge']),
  )
  const [first, ...others] = [...market.evaluations.values()].map(({ market: asked }) => asked)
  for (const { paymentRule: _, candidateLists: __, ...same } of others.map((each) => ({ ...each })))
    expect(first).toMatchObject(same)
  const seeded = withSeed(market, 9)
  for (const [name, { seed }] of seeded.trainings)
    expect(seed).toBe(name === 'held-out-judge' ? whole.trainings.get(name)?.seed : 9)
})

test('the priced model shares the stages of the one that the tables are about', () => {
  const { model, stages } = whole.trainings.get('one-ranker-priced') ?? {}
  const plain = whole.trainings.get('one-ranker')
  expect({ ...stages, payment: undefined }).toEqual({ ...plain?.stages, payment: undefined })
  expect({ ...model?.oneRanker, payment: undefined }).toEqual({ ...plain?.model.oneRanker, payment: undefined })
})

test('a look asks for fewer lists of the same kind, and ranks no catalogue', () => {
  for (const [name, { sampledLists, ranking }] of shortened(study).evaluations) {
    expect({ ...sampledLists, lists: undefined }).toEqual({
      ...study.evaluations.get(name)?.sampledLists,
      lists: undefined,
    })
    expect(ranking).toBe('None')
  }
})

test('published rows stand to their reference as the paper has them', () => {
  expect(publishedGain('one-ranker', 'gpr-like', 'HR', 1)).toBeCloseTo(0.447, 3)
  expect(publishedGain('one-ranker', 'gpr-like', 'NDCG', 5)).toBeCloseTo(0.159, 3)
  const told = (row: string, metric: string) => oneRankerTerms.publishedDifference(row, metric)
  expect(told('step-2-only', 'Sampled/HR@5')).toBeCloseTo(0.5448 / 0.6213 - 1, 12)
  expect(told('step-2-self-first', 'Sampled/HR@5')).toBeCloseTo(-0.031, 3)
  expect(told('step-2-self-first', 'Sampled/ECPM-RankNormalised-NDCG@5')).toBeUndefined()
  expect(told('one-ranker', 'Recall@10')).toBeUndefined()
})
