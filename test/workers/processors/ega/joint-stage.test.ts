import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEga } from '../../../../workers/decoding/auction/open-ega.ts'
import { openEgaRecommender } from '../../../../workers/decoding/ega-recommender.ts'
import { openEgaModel } from '../../../../workers/ranker/ega/ega-artifact.ts'
import { allocateOnce } from '../staged/allocate.ts'
import { evaluateIn } from '../staged/evaluate.ts'
import { smallWorld, type World } from '../staged/small-world.ts'
import { smallSpec, smallStages, train } from './small-run.ts'

let world: World

beforeAll(async () => {
  world = await smallWorld()
}, 60_000)
afterAll(() => rm(world.folder, { recursive: true, force: true }))

const spec = { ...smallSpec({ order: 'Joint', ...smallStages }), maxEpochs: 2 }

/** A model that learned from the other half of the users. */
const trainJudge = async (): Promise<string> =>
  (await train(world, smallSpec({ reward: { ...smallStages.reward, fold: 'Second' } }))).artifact.digest

test('all stages at once take turns, round after round, and end with the same bytes when they were stopped', async () => {
  const first = await train(world, spec)
  expect(first.summary.stages?.map(({ name }) => name)).toEqual(['joint'])
  const turns = first.updates.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1])
  const round = ['pretrain', 'reward', 'allocation', 'payment samples', 'payment']
  expect(turns).toEqual([...round, ...round])

  const namespace = 'elsewhere'
  let rounds = 0
  const stopped = train(world, spec, {
    namespace,
    stopAt: ({ phase }) => {
      if (phase === 'reward' && rounds % 2 === 0) rounds++
      if (phase === 'payment' && rounds % 2 === 1) rounds++
      // In the second round, once its reward model has learned; the first is kept by a checkpoint.
      return rounds === 3
    },
  })
  await expect(stopped).rejects.toThrow('stopped')
  const again = await train(world, spec, { namespace })
  expect(again.updates.filter(({ phase }) => phase === 'payment samples').length).toBeGreaterThan(0)
  expect(again.updates.length).toBeLessThan(first.updates.length)
  expect(again.artifact.digest).toBe(first.artifact.digest)
  expect((await train(world, spec, { namespace })).summary.stages?.[0]?.reused).toBe(true)
})

test('its model allocates, prices and ranks the whole catalogue', async () => {
  const { artifact } = await train(world, spec)
  const opened = await openEga(artifact.digest, { store: world.store, threads: 1, maxBatch: 4 })
  const { paymentRate } = await allocateOnce(opened)
  expect(paymentRate).toHaveLength(3)

  const model = await openEgaModel(await world.store.open(artifact.digest))
  const recommender = await openEgaRecommender(await world.store.open(artifact.digest), 1)
  const history = Uint32Array.of(1, 2)
  const [list, other, short] = await recommender.recommend([history, new Uint32Array(), history], model.itemCount)
  await recommender.release()
  expect(list).toHaveLength(model.itemCount - 2)
  expect(new Set(list).size).toBe(list.length)
  expect([...list]).not.toContain(1)
  expect(other).toHaveLength(model.itemCount)
  expect([...short]).toEqual([...list])
})

test('its model scores given candidates by their log-probability, whatever stands beside them', async () => {
  const { artifact } = await train(world, spec)
  const { itemCount } = await openEgaModel(await world.store.open(artifact.digest))
  const recommender = await openEgaRecommender(await world.store.open(artifact.digest), 1)
  const history = Uint32Array.of(1, 2)
  const everything = Uint32Array.from({ length: itemCount }, (_, item) => item)
  const few = Uint32Array.of(7, 3, 1, 20)
  const [all, some, other] = await recommender.score([
    { history, candidates: everything },
    { history, candidates: few },
    { history: new Uint32Array(), candidates: few },
  ])
  const [list] = await recommender.recommend([history], itemCount)
  await recommender.release()
  expect(all.final.reduce((sum, score) => sum + Math.exp(score), 0)).toBeCloseTo(1, 4)
  expect([...some.final]).toEqual([...few].map((item) => all.final[item]))
  expect([...other.final]).not.toEqual([...some.final])
  const ordered = [...list].map((item) => all.final[item])
  expect(ordered).toEqual(ordered.toSorted((a, b) => b - a))
})

test('its model is judged on sampled lists, graded by the truth and by a held-out judge', async () => {
  const { digest } = (await train(world, spec)).artifact
  const name = 'Sampled/ECPM-RankNormalised-NDCG@3'
  for (const [judge, evaluator] of [['Truth'], ['HeldOut', await trainJudge()]]) {
    const graded = { judge, organicValue: '0.5' }
    const sampledLists = { targets: 'Click', listSize: 8, cutoffs: [3], graded }
    const { summary, values } = await evaluateIn(world, digest, { sampledLists }, evaluator)
    expect(summary.sampledLists).toMatchObject({ listSize: 8, judge })
    const measured = Object.keys(values).filter((each) => !/^(PopRec|Chance)/.test(each))
    expect(measured).toEqual(['Sampled/HR@3', 'Sampled/NDCG@3', name, 'Sampled/ECPM-HR@3'])
    expect(values[name]).toBeGreaterThan(0)
    expect(values[name]).toBeLessThan(1)
  }
})

test.each(['Ad', 'Advertiser'])('its market is searched for better bids of each %s by every judge', async (bidder) => {
  const { digest } = (await train(world, spec)).artifact
  const audit = { maxRequests: 1, minRequests: 1, losersPerRequest: 1, regretStarts: 1, bidder }
  const market = { requests: 2, candidateLists: 4, paymentRule: 'GSP', utilityFloor: '0', audit }
  const open = await evaluateIn(world, digest, { market }, await trainJudge())
  expect(open.values.AdsPerList).toBeGreaterThan(0)
  for (const judge of ['Model', 'HeldOut', 'Truth'])
    expect(open.values[`${judge}/SearchRegret`]).toBeGreaterThanOrEqual(open.values[`${judge}/Regret`] - 1e-6)
})

test('a judge that learned from users of the model is refused', async () => {
  const { digest } = (await train(world, spec)).artifact
  const everyone = await train(world, smallSpec({ reward: { ...smallStages.reward, fold: 'All' } }))
  for (const evaluator of [digest, everyone.artifact.digest])
    for (const asked of [
      { market: { requests: 2 } },
      { sampledLists: { listSize: 8, cutoffs: [3], graded: { judge: 'HeldOut' } } },
    ])
      await expect(evaluateIn(world, digest, asked, evaluator)).rejects.toMatchObject({
        reason: 'NotHeldOut',
        retryable: false,
      })
})

test('its market takes reserves', async () => {
  const { digest } = (await train(world, spec)).artifact
  const market = { requests: 2, candidateLists: 4, paymentRule: 'GSP', audit: { maxRequests: 0 } }
  const shut = await evaluateIn(world, digest, { market: { ...market, reserves: { reservePrice: '1000' } } })
  expect(shut.values.AdsPerList).toBe(0)
})
