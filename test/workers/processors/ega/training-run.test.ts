import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { openEga, openScorer } from '../../../../workers/decoding/auction/open-ega.ts'
import { openEgaRecommender } from '../../../../workers/decoding/ega-recommender.ts'
import { openEgaModel } from '../../../../workers/ranker/ega/ega-artifact.ts'
import { allocateOnce } from '../staged/allocate.ts'
import { trainKilled } from '../staged/killed-run.ts'
import { reusedStages } from '../staged/small-run.ts'
import { smallWorld, type World } from '../staged/small-world.ts'
import { smallSpec, smallStages, train } from './small-run.ts'

const phases = ['pretrain', 'reward', 'allocation', 'payment samples', 'payment']

let world: World
let first: Awaited<ReturnType<typeof train>>

beforeAll(async () => {
  world = await smallWorld()
  first = await train(world, smallSpec())
}, 60_000)
afterAll(() => rm(world.folder, { recursive: true, force: true }))

describe('a run of EGA-V2', () => {
  test('trains its stages one after the other, each with its metrics', () => {
    expect(reusedStages(first)).toEqual({ pretrain: false, reward: false, allocation: false, payment: false })
    expect([...new Set(first.updates.map(({ phase }) => phase))]).toEqual(phases)
    const metrics = Object.fromEntries((first.summary.stages ?? []).map((stage) => [stage.name, stage.metrics]))
    expect(metrics.pretrain).toMatchObject({ itemLoss: expect.any(Number), creativeLoss: expect.any(Number) })
    expect(metrics.allocation).toMatchObject({ policyLoss: expect.any(Number), reward: expect.any(Number) })
    expect(metrics.payment).toMatchObject({ revenue: expect.any(Number), regret: expect.any(Number) })
  })

  test('makes a model that allocates and prices', async () => {
    const { digest } = first.artifact
    const model = await openEgaModel(await world.store.open(digest))
    expect(model.fold).toBe('First')
    expect(model.auction).toMatchObject({ paymentRule: 'PaymentNetwork', candidateLists: 4 })
    expect(model.stages.map(({ name }) => name)).toEqual(['pretrain', 'reward', 'allocation', 'payment'])
    const opened = await openEga(digest, { store: world.store, threads: 1, maxBatch: 4 })
    const { lists, paymentRate } = await allocateOnce(opened)
    expect(lists.count).toBeGreaterThan(1)
    expect(paymentRate).toHaveLength(3)
    for (const rate of paymentRate ?? []) expect(rate >= 0 && rate <= 1).toBe(true)
  })

  test('ends with the same bytes elsewhere too, killed once in every stage', async () => {
    const last = await trainKilled(train, world, smallSpec(), phases)
    expect(reusedStages(last)).toEqual({ pretrain: true, reward: true, allocation: true, payment: false })
    expect(last.artifact.digest).toBe(first.artifact.digest)
  })
})

test('a run where advertisers bid prices them by lists without any of their ads', async () => {
  const auction = { bidding: { bids: 'Expected' }, alternatives: 'Each', payment: { price: 'Threshold' } }
  const byAd = await train(world, smallSpec(smallStages, auction))
  const byAdvertiser = await train(world, smallSpec(smallStages, { ...auction, bidder: 'Advertiser' }))
  // Whoever bids, lists are searched alike.
  expect(reusedStages(byAdvertiser)).toEqual({ pretrain: true, reward: true, allocation: true, payment: false })
  const { digest } = byAdvertiser.artifact
  expect(digest).not.toBe(byAd.artifact.digest)
  const opened = await openEga(digest, { store: world.store, threads: 1, maxBatch: 4 })
  expect(opened.bidder).toBe('Advertiser')
  const { lists, paymentRate } = await allocateOnce(opened)
  expect(lists.bidder).toBe('Advertiser')
  for (const rate of paymentRate ?? []) expect(rate >= 0 && rate <= 1).toBe(true)
})

test('full ranking and sampled lists read the creatives of histories that are told', async () => {
  const recommender = await openEgaRecommender(await world.store.open(first.artifact.digest), 1)
  onTestFinished(() => recommender.release())
  const history = Uint32Array.of(1, 2)
  const { creativeOffsets } = await openEgaModel(await world.store.open(first.artifact.digest))
  const creatives = (item: number) => creativeOffsets?.[item] ?? -1
  const scores = async (historyCreatives: Int32Array | undefined) => {
    const list = { history, candidates: Uint32Array.of(3, 4, 5), ...(historyCreatives && { historyCreatives }) }
    const [{ final }] = await recommender.score([list])
    const [items] = await recommender.recommend([history], 36, [list])
    // In the order of what they are scored by.
    expect([3, 4, 5].sort((one, other) => items.indexOf(one) - items.indexOf(other))).toEqual(
      [3, 4, 5].sort((one, other) => final[other - 3] - final[one - 3]),
    )
    return final
  }
  const unknown = await scores(undefined)
  expect(await scores(Int32Array.of(-1, -1))).toEqual(unknown)
  expect(await scores(Int32Array.of(creatives(1), creatives(2)))).not.toEqual(unknown)
})

describe('stages are shared', () => {
  test('by a run with another price: all of them', async () => {
    const other = await train(world, smallSpec(smallStages, { paymentRule: 'GSP' }))
    expect(reusedStages(other)).toEqual({ pretrain: true, reward: true, allocation: true, payment: true })
    expect(other.artifact.digest).not.toBe(first.artifact.digest)
  })

  test('by a run with other token bids: those that see no bids', async () => {
    const other = await train(world, smallSpec(smallStages, { bidding: { aggregate: 'Average' } }))
    expect(reusedStages(other)).toEqual({ pretrain: true, reward: true, allocation: false, payment: false })
  })

  test('by a run whose token bids are in another unit: those that see no bids', async () => {
    const other = await train(world, smallSpec(smallStages, { bidding: { unit: 'Money' } }))
    expect(reusedStages(other)).toEqual({ pretrain: true, reward: true, allocation: false, payment: false })
    const { auction } = await openEgaModel(await world.store.open(other.artifact.digest))
    const { auction: before } = await openEgaModel(await world.store.open(first.artifact.digest))
    expect(auction.bidding).toEqual(Object.assign({ unit: 'Money' }, before.bidding))
    expect(auction.bidUnit).toBe(before.bidUnit)
    const usual = await train(world, smallSpec(smallStages, { bidding: { unit: 'MeanBid' } }))
    expect(reusedStages(usual)).toEqual({ pretrain: true, reward: true, allocation: true, payment: true })
  })

  test('by a run that frees organic items of their order: those that search no lists', async () => {
    const other = await train(world, smallSpec(smallStages, { organicOrder: 'Free' }))
    expect(reusedStages(other)).toEqual({ pretrain: true, reward: true, allocation: false, payment: false })
    const opened = await openEga(other.artifact.digest, { store: world.store, threads: 1, maxBatch: 4 })
    const { lists } = await allocateOnce(opened, {
      organic: Uint32Array.of(5, 6, 7),
      constraints: { ...unconstrained, maxAds: 0 },
    })
    const orders = Array.from({ length: lists.count }, (_, row) =>
      lists.candidate.subarray(row * 3, row * 3 + 3).join(),
    )
    expect(orders).toHaveLength(4)
    for (const order of orders) expect(order.split(',').sort()).toEqual(['2', '3', '4'])
    const fixed = await train(world, smallSpec(smallStages, { organicOrder: 'Fixed' }))
    expect(reusedStages(fixed)).toEqual({ pretrain: true, reward: true, allocation: true, payment: true })
  })

  test('by a run whose encoder has a token embedding of its own: the reward model', async () => {
    const other = await train(world, smallSpec(smallStages, { tokenEmbedding: 'Separate' }))
    expect(reusedStages(other)).toEqual({ pretrain: false, reward: true, allocation: false, payment: false })
    const { digest } = other.artifact
    const { lists, paymentRate } = await allocateOnce(
      await openEga(digest, { store: world.store, threads: 1, maxBatch: 4 }),
    )
    expect(lists.count).toBeGreaterThan(1)
    for (const rate of paymentRate ?? []) expect(rate >= 0 && rate <= 1).toBe(true)
    const recommender = await openEgaRecommender(await world.store.open(digest), 1)
    const [items] = await recommender.recommend([Uint32Array.of(1, 2)], 3)
    await recommender.release()
    expect(items).toHaveLength(3)
    const shared = await train(world, smallSpec(smallStages, { tokenEmbedding: 'Shared' }))
    expect(reusedStages(shared)).toEqual({ pretrain: true, reward: true, allocation: true, payment: true })
  })

  test('by a run with fewer of them', async () => {
    const { allocation: _, ...without } = smallStages
    expect(reusedStages(await train(world, smallSpec(without)))).toEqual({
      pretrain: true,
      reward: true,
      payment: false,
    })
  })
})

test('a run of the reward model alone makes an evaluator, which judges lists and can make none', async () => {
  const stages = { reward: { ...smallStages.reward, fold: 'Second' } }
  const { artifact, summary } = await train(world, smallSpec(stages))
  expect(summary.stages?.map(({ name }) => name)).toEqual(['reward'])
  const model = await openEgaModel(await world.store.open(artifact.digest))
  expect(model.fold).toBe('Second')
  const scorer = await openScorer(model, 1)
  const [scores] = await scorer.score([
    {
      history: Uint32Array.of(1),
      items: Uint32Array.of(3, 4, 5),
      creatives: Int32Array.of(-1, -1, -1),
      isAd: Uint8Array.of(1, 0, 0),
    },
  ])
  await scorer.release()
  expect(scores.pCtr).toHaveLength(3)
  await expect(openEga(artifact.digest, { store: world.store, threads: 1, maxBatch: 4 })).rejects.toMatchObject({
    reason: 'IncompleteModel',
    message: expect.stringContaining('no generator'),
  })
})
