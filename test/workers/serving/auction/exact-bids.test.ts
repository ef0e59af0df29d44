import { expect, test } from 'vitest'
import { marketOf, specOf } from '../../data/market/table-support.ts'
import { fakeAuction } from './fake-auction.ts'
import { auctionScene } from './scene.ts'

test('a static bid of a Dataset that equals the reserves takes part, and is shown as it was told', async () => {
  const ads = [
    { id: 'a1', item: 'i1', advertiser: 'acme', bid: 0.7, value: null },
    { id: 'a9', item: 'i9', advertiser: 'zeta', bid: 0.69, value: null },
  ]
  const { market } = await marketOf(await specOf({ ads }))
  const reserves = { reservePrice: '0.7', slotReserves: ['0.7', '0.7', '0.7'] }
  const { rank } = auctionScene(fakeAuction({ market }), { auctionSettings: reserves })
  const asked = { slots: 3, candidates: { ads: [{ id: 'a1' }, { id: 'a9' }], organic: [] } }
  const { entries, skipped } = await rank(asked)
  expect(entries).toMatchObject([{ ad: 'a1', bid: 0.7 }])
  expect(skipped).toEqual([{ id: 'a9', reason: 'BelowReserve' }])
})
