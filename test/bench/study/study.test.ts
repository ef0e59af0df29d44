import { expect, test } from 'vitest'
import { publishedDifference } from '../../../bench/ega/published.ts'
import { readStudy, withSeed } from '../../../bench/study/manifests.ts'
import { overSeeds } from '../../../bench/study/measures.ts'
import { shortened } from '../../../bench/study/shortened.ts'

test('every evaluation of the study measures a run of the study, by a judge of the study that learned from other users', () => {
  const { trainings, evaluations } = readStudy('/data', ['market-beauty'])
  expect(evaluations.size).toBeGreaterThan(8)
  for (const { model, market } of evaluations.values()) {
    const run = trainings.get(model.trainingRunRef?.name ?? '')
    const judge = trainings.get(market?.evaluator?.trainingRunRef?.name ?? '')
    expect(run?.stages?.reward?.fold).toBe('First')
    expect(judge?.stages?.reward?.fold).toBe('Second')
    expect(market?.constraints).toEqual(run?.model.ega?.constraints)
  }
})

test('the sizes of the study are those that were set', () => {
  const { dataset, trainings, evaluations } = readStudy('/data', ['market-beauty'])
  const simulation = dataset.advertising?.simulation
  expect(simulation?.maxUsers).toBeGreaterThanOrEqual(5000)
  expect(simulation).toMatchObject({ adsPerRequest: 200, organicPerRequest: 200, slots: 10 })
  for (const { model } of trainings.values()) expect(model.ega?.listLength).toBe(10)
  for (const { market } of evaluations.values()) expect(market?.candidateLists).toBe(64)
})

test('a seed is that of every run but the judge, and a look keeps the rows', () => {
  const study = readStudy('/data', ['market-beauty'])
  const seeded = withSeed(study, 7)
  for (const [name, { seed }] of seeded.trainings)
    expect(seed).toBe(name === 'held-out-judge' ? study.trainings.get(name)?.seed : 7)
  expect([...shortened(study).evaluations.keys()]).toEqual([...study.evaluations.keys()])
})

test('means over seeds are taken request by request, over the requests that all have', () => {
  const group = (values: number[]) => ({
    clusters: Uint32Array.from(values.keys()),
    columns: new Map([['clicks', Float64Array.from(values)]]),
    metrics: [],
  })
  const { clusters, columns } = overSeeds([group([1, 2, 3]), group([3, 6])])
  expect([...clusters]).toEqual([0, 1])
  expect([...(columns.get('clicks') ?? [])]).toEqual([2, 4])
})

test('published rows stand relative to EGA-V2 as the paper has them', () => {
  expect(publishedDifference('cascade', 'RPM')).toBeCloseTo(-0.165, 3)
  expect(publishedDifference('ega-gsp', 'Psi')).toBeCloseTo(0.055, 6)
  expect(publishedDifference('ega-critical-bid', 'RPM')).toBeUndefined()
})
