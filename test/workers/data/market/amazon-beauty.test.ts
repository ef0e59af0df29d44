import { expect, test } from 'vitest'
import { openMarket } from '../../../../workers/data/market/open-market.ts'
import { openTruth } from '../../../../workers/data/market/truth.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { amazonBeauty } from '../amazon-beauty.ts'
import { ingest } from '../support.ts'
import { simulationOf } from './support.ts'

test('a market over Amazon Beauty has its brands as advertisers and a truth that knows the test', async (context) => {
  const { store, artifact, dataset, advertising } = await ingest({
    ...amazonBeauty(context),
    advertising: { simulation: simulationOf({ maxUsers: 200 }) },
  })
  // datasets.md, section 4, counts 623 with entities unescaped in another way.
  expect(advertising).toMatchObject({ advertisers: 622, ads: expect.closeTo(3025, -1), requests: 800, exposures: 8000 })
  const opened = await store.open(artifact.digest)
  const [market, truth] = [await openMarket(opened), await openTruth(opened)]
  const { requests } = market ?? {}
  if (!market || !truth || !requests?.ads || !requests.organic) throw new Error('the market is not whole')
  expect([...requests.ads.offsets].every((offset, request) => offset === 200 * request)).toBe(true)
  expect([...requests.organic.offsets].every((offset, request) => offset === 200 * request)).toBe(true)
  const random = new Random('chance')
  const wins = { catalogue: 0, candidates: 0, pairs: 0 }
  for (let request = 0; request < requests.count; request++) {
    if (requests.part[request] !== 2) continue
    const user = requests.user[request]
    const taken = truth.affinity(user, dataset.events[dataset.offsets[user] + requests.historyEnd[request]])
    for (let draw = 0; draw < 20; draw++) {
      const candidate = requests.organic.item[requests.organic.offsets[request] + random.below(200)]
      wins.catalogue += taken > truth.affinity(user, random.below(dataset.itemCount)) ? 1 : 0
      wins.candidates += taken > truth.affinity(user, candidate) ? 1 : 0
      wins.pairs++
    }
  }
  expect(wins.catalogue / wins.pairs).toBeGreaterThan(0.93)
  expect(wins.candidates / wins.pairs).toBeGreaterThan(0.75)
})
