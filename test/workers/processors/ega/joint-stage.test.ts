import { rm } from 'node:fs/promises'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JobPayload } from '../../../../crds/jobs.ts'
import { type Evaluation, evaluation } from '../../../../crds/kinds/evaluation.ts'
import { openEga } from '../../../../workers/decoding/auction/open-ega.ts'
import { openEgaRecommender } from '../../../../workers/decoding/ega-recommender.ts'
import { processEvaluation } from '../../../../workers/processors/evaluation.ts'
import { openEgaModel } from '../../../../workers/ranker/ega/ega-artifact.ts'
import { inputOf } from '../../artifacts/support.ts'
import { contextIn, smallWorld, type World } from '../staged/small-world.ts'
import { smallSpec, smallStages, train } from './small-run.ts'

let world: World

beforeAll(async () => {
  world = await smallWorld()
}, 60_000)
afterAll(() => rm(world.folder, { recursive: true, force: true }))

const spec = { ...smallSpec({ order: 'Joint', ...smallStages }), maxEpochs: 2 }

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
  const [{ paymentRate }] = await opened.allocator.allocate([
    {
      history: Uint32Array.of(1, 2),
      ads: Uint32Array.of(3, 4),
      bids: Float64Array.of(1, 2),
      advertisers: Uint32Array.of(0, 1),
      organic: Uint32Array.of(5, 6),
      slots: 3,
      constraints: { maxAds: 1, minGap: 0, maxPerAdvertiser: 1 },
    },
  ])
  await opened.release()
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
  const { artifact } = await train(world, spec)
  const judges = { Truth: {}, HeldOut: { evaluator: artifact.digest } }
  for (const [judge, inputs] of Object.entries(judges)) {
    const wanted = Value.Default(evaluation.spec, {
      model: { digest: artifact.digest },
      datasetRef: { name: 'market' },
      ranking: 'None',
      sampledLists: { targets: 'Click', listSize: 8, cutoffs: [3], graded: { judge, organicValue: '0.5' } },
      bootstrapSamples: 100,
    }) as Evaluation['spec']
    const payload: JobPayload<Evaluation['spec']> = {
      ...{ kind: 'Evaluation', namespace: 'ads', name: 'test', uid: 'uid', attempt: 1, engine: 'test-engine' },
      inputDigest: inputOf(judge),
      spec: wanted,
      inputs: { dataset: world.inputs.dataset, model: artifact.digest, ...inputs },
    }
    const { summary } = await processEvaluation(payload, contextIn(world))
    expect(summary.sampledLists).toMatchObject({ listSize: 8, judge })
    const names = summary.metrics.map(({ name }) => name).filter((name) => !/^(PopRec|Chance)/.test(name))
    expect(names).toEqual(['Sampled/HR@3', 'Sampled/NDCG@3', 'Sampled/ECPM-RankNormalised-NDCG@3'])
    const graded = summary.metrics.find(({ name }) => name === names[2])
    expect(graded?.value).toBeGreaterThan(0)
    expect(graded?.value).toBeLessThan(1)
  }
})
