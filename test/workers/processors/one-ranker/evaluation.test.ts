import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { smallSpec as smallEga, train as trainEga } from '../ega/small-run.ts'
import { evaluateIn } from '../staged/evaluate.ts'
import { smallWorld, type World } from '../staged/small-world.ts'
import { smallSpec, smallStages, train } from './small-run.ts'

let world: World
let model: string

beforeAll(async () => {
  world = await smallWorld()
  const { pretrain, reward, ranking } = smallStages
  model = (await train(world, smallSpec({ pretrain, reward, ranking }))).artifact.digest
}, 60_000)
afterAll(() => rm(world.folder, { recursive: true, force: true }))

test('OneRanker is judged on sampled lists, by eCPM, and by how far its two steps agree', async () => {
  const sampledLists = { listSize: 8, cutoffs: [1, 3], negatives: 'Uniform', graded: { organicValue: '0.5' } }
  const { summary, values } = await evaluateIn(world, model, { sampledLists })
  expect(summary.sampledLists).toMatchObject({ listSize: 8, judge: 'Truth', unmeasured: [] })
  for (const name of [
    'Sampled/HR@3',
    'Sampled/NDCG@3',
    'Sampled/ECPM-RankNormalised-NDCG@3',
    'Sampled/ECPM-HR@3',
    'Consistency/RankDifference',
    'Consistency/RankDifferenceIQR',
    'Consistency/Overlap@3',
  ]) {
    expect(values).toHaveProperty([name])
    expect(values).toHaveProperty([`Chance ${name}`])
  }
  // Bids are in the order of the ranker: it finds what earns better than chance does, however little it has learned.
  const graded = 'Sampled/ECPM-RankNormalised-NDCG@3'
  expect(values[graded]).toBeGreaterThan(values[`Chance ${graded}`])
})

test('a OneRanker without a ranker has one order, and no consistency to tell of', async () => {
  const { pretrain, reward } = smallStages
  const alone = await train(world, smallSpec({ pretrain, reward }, { refinement: false, ranking: false }))
  const { values } = await evaluateIn(world, alone.artifact.digest, { sampledLists: { listSize: 8, cutoffs: [3] } })
  expect(values).toHaveProperty(['Sampled/HR@3'])
  expect(Object.keys(values).filter((name) => name.includes('Consistency'))).toEqual([])
})

test('bids are added to what a OneRanker without a ranker orders by where asked, and to no other architecture', async () => {
  const { pretrain, reward } = smallStages
  const alone = await train(world, smallSpec({ pretrain, reward }, { refinement: false, ranking: false }))
  const sampledLists = { listSize: 8, cutoffs: [3], negatives: 'Uniform', graded: { organicValue: '0.5' } }
  const valuesOf = async (changes: object) =>
    (await evaluateIn(world, alone.artifact.digest, { sampledLists: { ...sampledLists, ...changes } })).values
  const graded = 'Sampled/ECPM-RankNormalised-NDCG@3'
  expect((await valuesOf({ addBids: true }))[graded]).toBeGreaterThan((await valuesOf({}))[graded])
  const egaV2 = await trainEga(world, smallEga())
  await expect(evaluateIn(world, egaV2.artifact.digest, { sampledLists: { addBids: true } })).rejects.toMatchObject({
    reason: expect.stringMatching(/CannotAddBids|CannotScoreCandidates/),
    retryable: false,
  })
})

test('its auctions are searched for better bids under the truth', async () => {
  const audit = { maxRequests: 1, minRequests: 1, losersPerRequest: 1, regretStarts: 1 }
  const market = { requests: 2, paymentRule: 'GSP', utilityFloor: '0', audit }
  const { values } = await evaluateIn(world, model, { market })
  expect(values['Truth/SearchRegret']).toBeGreaterThanOrEqual(values['Truth/Regret'] - 1e-6)
})
