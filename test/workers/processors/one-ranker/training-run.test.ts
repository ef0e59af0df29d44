import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openOneRanker } from '../../../../workers/decoding/one-ranker/open-one-ranker.ts'
import { openOneRankerModel } from '../../../../workers/ranker/one-ranker/artifact.ts'
import { smallSpec as smallEga, smallStages as smallEgaStages, train as trainEga } from '../ega/small-run.ts'
import { allocateOnce } from '../staged/allocate.ts'
import { trainKilled } from '../staged/killed-run.ts'
import { reusedStages } from '../staged/small-run.ts'
import { smallWorld, type World } from '../staged/small-world.ts'
import { smallSpec, smallStages, train } from './small-run.ts'

const phases = ['pretrain', 'reward', 'ranking', 'payment samples', 'payment']

let world: World
let first: Awaited<ReturnType<typeof train>>

beforeAll(async () => {
  world = await smallWorld()
  first = await train(world, smallSpec())
}, 60_000)
afterAll(() => rm(world.folder, { recursive: true, force: true }))

describe('a run of OneRanker', () => {
  test('trains its stages one after the other, each with its metrics', () => {
    expect(reusedStages(first)).toEqual({ pretrain: false, reward: false, ranking: false, payment: false })
    expect([...new Set(first.updates.map(({ phase }) => phase))]).toEqual(phases)
    const metrics = Object.fromEntries((first.summary.stages ?? []).map((stage) => [stage.name, stage.metrics]))
    expect(metrics.pretrain).toMatchObject({ itemLoss: expect.any(Number), codeLoss: expect.any(Number) })
    expect(metrics.ranking).toMatchObject({
      rankLoss: expect.any(Number),
      consistencyLoss: expect.any(Number),
      catalogueConsistencyLoss: expect.any(Number),
      validationConcordance: expect.any(Number),
    })
    expect(metrics.payment).toMatchObject({ revenue: expect.any(Number), regret: expect.any(Number) })
  })

  test('makes a model that ranks and prices', async () => {
    const { digest } = first.artifact
    const model = await openOneRankerModel(await world.store.open(digest))
    expect(model).toMatchObject({ fold: 'First', listLength: 3, architecture: 'OneRanker' })
    expect(model.auction).toMatchObject({
      paymentRule: 'PaymentNetwork',
      candidates: 6,
      candidateRoute: 'InnerProduct',
    })
    expect(model.stages.map(({ name }) => name)).toEqual(['pretrain', 'reward', 'ranking', 'payment'])
    expect(model.isAd).toHaveLength(model.itemCount)
    expect(model.isAd.reduce((sum, is) => sum + is, 0)).toBeGreaterThan(0)
    const opened = await openOneRanker(digest, { store: world.store, threads: 1, maxBatch: 4 })
    const { lists, paymentRate } = await allocateOnce(opened)
    expect(lists.count).toBeGreaterThan(1)
    expect(paymentRate).toHaveLength(3)
    for (const rate of paymentRate ?? []) expect(rate >= 0 && rate <= 1).toBe(true)
  })

  test('ends with the same bytes elsewhere too, killed once in every stage', async () => {
    const last = await trainKilled(train, world, smallSpec(), phases)
    expect(reusedStages(last)).toEqual({ pretrain: true, reward: true, ranking: true, payment: false })
    expect(last.artifact.digest).toBe(first.artifact.digest)
  })
})

describe('stages are shared', () => {
  const changed = (stages: object, oneRanker: object = {}) => train(world, smallSpec(stages, oneRanker))
  const { payment: _, ...unpriced } = smallStages

  test('by a run with another price: all of them', async () => {
    expect(reusedStages(await changed(smallStages, { paymentRule: 'GSP' }))).toEqual({
      pretrain: true,
      reward: true,
      ranking: true,
      payment: true,
    })
  })

  test('by runs that rank otherwise: those before', async () => {
    const before = { pretrain: true, reward: true, ranking: false }
    const ranking = { ...smallStages.ranking, consistencyWeight: '0' }
    expect(reusedStages(await changed({ ...unpriced, ranking }))).toEqual(before)
    expect(reusedStages(await changed(unpriced, { rankerMemory: 'StepOne' }))).toEqual(before)
  })

  test('by a run of step 2 alone, whose generator is the one that others begin with', async () => {
    const { pretrain, reward } = smallStages
    expect(reusedStages(await changed({ pretrain, reward }, { ranking: false }))).toEqual({
      pretrain: true,
      reward: true,
    })
  })

  test('with EGA-V2: the reward model', async () => {
    const other = await trainEga(world, smallEga({ reward: smallEgaStages.reward }))
    expect(other.summary.stages).toMatchObject([{ name: 'reward', reused: true }])
  })
})

test('one joint stage learns all losses from random parameters, from logged clicks too', async () => {
  const ranking = { ...smallStages.ranking, maxEpochs: 1, labels: 'Logged' }
  const stages = { order: 'Joint', reward: smallStages.reward, ranking }
  const { artifact, summary } = await train(world, smallSpec(stages))
  expect(summary.stages?.map(({ name }) => name)).toEqual(['reward', 'ranking'])
  const opened = await openOneRanker(artifact.digest, { store: world.store, threads: 1, maxBatch: 4 })
  const { lists } = await allocateOnce(opened)
  expect(lists.count).toBeGreaterThan(0)
})

test('one joint stage weighs clicks as it says itself', async () => {
  const joint = (more: object) => ({
    ...{ order: 'Joint', reward: smallStages.reward },
    ranking: { ...smallStages.ranking, maxEpochs: 1, labels: 'Logged', ...more },
  })
  const rankers = []
  for (const more of [{}, { clickedWeight: '1' }, { clickedWeight: '8' }]) {
    const { artifact } = await train(world, smallSpec(joint(more)))
    rankers.push((await openOneRankerModel(await world.store.open(artifact.digest))).weights.ranker)
  }
  const [usual, one, eight] = rankers
  expect(one).toEqual(usual)
  expect(eight).not.toEqual(usual)
})

test('every part can be left out: a ranker on step 1 alone, and parallel prediction without any', async () => {
  const { pretrain, reward } = smallStages
  const ranking = { ...smallStages.ranking, maxEpochs: 1, consistencyWeight: '0', ownCandidates: 0 }
  const onStepOne = await train(world, smallSpec({ pretrain, reward, ranking }, { refinement: false }))
  const alone = { refinement: false, ranking: false }
  const predicted = await train(world, smallSpec({ pretrain, reward }, alone))
  expect(reusedStages(predicted)).toEqual({ pretrain: true, reward: true })
  for (const { artifact } of [onStepOne, predicted]) {
    const model = await openOneRankerModel(await world.store.open(artifact.digest))
    expect(model.weights.ranker?.every(Number.isFinite)).toBe(true)
    expect(model.shapes.payment).toBeNull()
  }
})
