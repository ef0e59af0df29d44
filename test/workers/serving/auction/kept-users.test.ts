import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RankAnswer } from '../../../../crds/rank.ts'
import { type RealModels, realModels, smallLists, smallSizes } from './real-scene.ts'
import { modelScene } from './scene.ts'

const training = (seed: number) => ({
  model: {
    ...{ architecture: 'OneRanker', ...smallSizes },
    oneRanker: { ...smallLists, interestTokens: 2, fakeItems: 4, refinementLayers: 1, objective: { organic: '1' } },
  },
  stages: { pretrain: {}, reward: {}, ranking: {} },
  seed,
})

let models: RealModels
beforeAll(async () => {
  models = await realModels()
}, 60_000)
afterAll(() => models?.release())

const noon = Date.UTC(2026, 0, 1, 12)

/** A server of a model that was loaded just now, at an hour that stays. */
async function freshServer(seed: number) {
  const served = await models.load(await models.publish(training(seed)))
  const scene = modelScene({ ...served, times: { ...served.times, now: () => noon } })
  /** What the server says that it did since it was asked last. */
  let told = { encoded: 0, kept: 0 }
  const counted = async () => {
    const lines = await scene.metric('adloom_auction_histories_total')
    const of = (source: string) =>
      Number(
        lines
          .find((line) => line.includes(source))
          ?.split(' ')
          .at(-1) ?? 0,
      )
    const now = { encoded: of('encoded'), kept: of('kept') }
    const since = { encoded: now.encoded - told.encoded, kept: now.kept - told.kept }
    told = now
    return since
  }
  return { ...scene, counted }
}

const history = ['item-3', 'item-8', 'item-21']
const asked = (changes: object = {}) => ({ slots: 4, user: { history }, ...changes })
const shown = ({ entries }: RankAnswer) => entries.map(({ item, creative }) => ({ item, creative }))
const numbers = ({ entries }: RankAnswer) =>
  entries.flatMap(({ score, pCtr = 0, payment = 0 }) => [score, pCtr, payment])

function expectSame(one: RankAnswer, other: RankAnswer): void {
  expect(shown(one)).toEqual(shown(other))
  for (const [place, value] of numbers(one).entries()) expect(value).toBeCloseTo(numbers(other)[place], 4)
}

let server: Awaited<ReturnType<typeof freshServer>>
beforeEach(async () => {
  server = await freshServer(1)
})

test('a history that stays is encoded once, and answered alike from what was kept', async () => {
  const { rank, counted } = server
  const first = await rank(asked())
  expect(await counted()).toEqual({ encoded: 1, kept: 0 })
  const second = await rank(asked())
  expect(await counted()).toEqual({ encoded: 0, kept: 1 })
  expectSame(second, first)
  // Other candidates and bids are of the request, not of the user.
  await rank(asked({ candidates: { ads: [{ id: 'item-9', bid: 3 }] }, slots: 2 }))
  expect(await counted()).toEqual({ encoded: 0, kept: 1 })
})

test.each([
  ['with another item', [...history, 'item-30']],
  ['in another order', [...history].reverse()],
  ['that lost its newest item', history.slice(0, -1)],
])('a history %s is encoded anew, and answered as one that no server saw before', async (_, changed) => {
  const { rank, counted } = server
  const before = await rank(asked())
  await counted()
  const after = await rank(asked({ user: { history: changed } }))
  expect(await counted()).toEqual({ encoded: 1, kept: 0 })
  expect(numbers(after)).not.toEqual(numbers(before))
  const elsewhere = await freshServer(1)
  expectSame(after, await elsewhere.rank(asked({ user: { history: changed } })))
  // The old one is still there: both are histories that were asked for.
  await rank(asked())
  expect(await counted()).toEqual({ encoded: 0, kept: 1 })
})

test('a model that is rolled out beside it encodes the same history for itself', async () => {
  const before = await server.rank(asked())
  await server.rank(asked())
  const canary = await freshServer(2)
  const after = await canary.rank(asked())
  expect(await canary.counted()).toEqual({ encoded: 1, kept: 0 })
  expect(numbers(after)).not.toEqual(numbers(before))
  await canary.rank(asked())
  expect(await canary.counted()).toEqual({ encoded: 0, kept: 1 })
  expectSame(await server.rank(asked()), before)
  expect(await server.counted()).toEqual({ encoded: 1, kept: 2 })
})
