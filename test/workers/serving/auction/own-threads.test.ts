import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Session } from '../../../../workers/tensor/session.ts'
import { SessionThread } from '../../../../workers/tensor/session-thread.ts'
import { type RealModels, realModels, smallLists, smallSizes } from './real-scene.ts'
import { modelScene } from './scene.ts'

let models: RealModels
beforeAll(async () => {
  models = await realModels()
}, 60_000)
afterAll(() => models?.release())
afterEach(() => vi.restoreAllMocks())

const generator = { interestTokens: 2, objective: { organic: '1' } }
const oneRanker = (parts: object, stages: object) => ({
  model: { architecture: 'OneRanker', ...smallSizes, oneRanker: { ...smallLists, ...generator, ...parts } },
  stages,
})

test.each([
  [
    'EGA-V2',
    {
      model: { architecture: 'EGAV2', ...smallSizes, ega: { ...smallLists, candidateLists: 16 } },
      stages: { pretrain: {}, reward: {}, payment: {} },
    },
  ],
  [
    'EGA-V2 that swaps ads',
    {
      model: {
        ...{ architecture: 'EGAV2', ...smallSizes },
        ega: { ...smallLists, candidateLists: 16, alternatives: 'Swaps', bidding: { bids: 'Expected' } },
      },
      stages: { pretrain: {}, reward: {}, payment: {} },
    },
  ],
  ['OneRanker', oneRanker({ fakeItems: 4 }, { pretrain: {}, reward: {}, ranking: {}, payment: {} })],
  [
    'OneRanker of few candidates',
    oneRanker({ fakeItems: 4, candidates: 2 }, { pretrain: {}, reward: {}, ranking: {} }),
  ],
  // Its scores come of the whole catalogue.
  ['HSTU alone', oneRanker({ refinement: false, ranking: false }, { pretrain: {}, reward: {} })],
])(
  'the event loop of a server of %s computes nothing itself: probes and other requests do not wait for it',
  async (_, training) => {
    const digest = await models.publish(training)
    const here = [vi.spyOn(Session, 'create'), vi.spyOn(Session.prototype, 'run')]
    const elsewhere = vi.spyOn(SessionThread.prototype, 'run')
    const { rank } = modelScene(await models.load(digest))
    const user = { history: ['item-1', 'item-5'] }
    expect((await rank({ slots: 4, user, explain: true })).entries).toHaveLength(4)
    expect((await rank({ slots: 2, user })).entries).toHaveLength(2)
    for (const spied of here) expect(spied).not.toHaveBeenCalled()
    expect(elsewhere).toHaveBeenCalled()
  },
)
