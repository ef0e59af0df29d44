import { expect, it } from 'vitest'
import type { EventRecord, RequestRecord } from '../../../../crds/events.ts'
import { revisionOf } from '../../../../workers/artifacts/digest.ts'
import { fakeAuction, modelWith, pCtrAt } from './fake-auction.ts'
import { auctionScene, modelScene } from './scene.ts'

const request = {
  requestId: 'q',
  user: { id: 'bob' },
  slots: 2,
  explain: true,
  candidates: {
    ads: [{ id: 'ad-0' }, { id: 'ad-1' }, { id: 'item-9', bid: 0.5 }, { id: 'ad-5' }],
    organic: ['item-3', 'item-2'],
  },
}

async function loggedRequest(candidates: 'Count' | 'Ids'): Promise<RequestRecord> {
  const { rank, written } = auctionScene(fakeAuction(), { serving: { feedback: { candidates } } })
  await rank(request)
  return written.requests?.[0] as RequestRecord
}

it('a request is logged with its ads, creatives, slots and payments, without what only explains them', async () => {
  const record = await loggedRequest('Count')
  const { historyDigest, ...rest } = record
  expect(rest).toEqual({
    ...{ requestId: 'q', time: '1970-01-01T00:00:00.000Z', user: 'bob', candidates: 2, slots: 2, ads: 3 },
    entries: [
      {
        ...{ position: 1, item: 'item-11', score: Math.fround(Math.log(4)), ad: 'ad-1', advertiser: 'north' },
        ...{ creative: 'blue', pCtr: pCtrAt(0), pCtrCreative: 0.25, pCvr: 0.125, bid: 2, payment: 1 },
      },
      {
        ...{ position: 2, item: 'item-10', score: Math.fround(Math.log(3)), ad: 'ad-0', advertiser: 'north' },
        ...{ creative: 'red', pCtr: pCtrAt(1), pCtrCreative: 0.25, pCvr: 0.125, bid: 1, payment: 0 },
      },
    ],
    auction: {
      ...{ settingsRevision: revisionOf({}), paymentRule: 'GSP', alpha: 1, beta: 2, listsConsidered: 2 },
      ...{ reward: 2 * pCtrAt(0) + pCtrAt(1), expectedRevenue: pCtrAt(0) },
    },
    model: 'sha256:1',
    revision: 'r1',
  })
})

it('the ids of all that was eligible are logged where that is asked for', async () => {
  expect(await loggedRequest('Ids')).toMatchObject({
    adIds: ['ad-0', 'ad-1', 'item-9'],
    adBids: [1, 2, 0.5],
    adAdvertisers: ['north', 'north', ''],
    organic: ['item-3', 'item-2'],
  })
  expect(await loggedRequest('Count')).not.toHaveProperty('adIds')
})

it('the history is logged with its times where that is asked for, as far as the model was told', async () => {
  const model = {
    ...modelWith(fakeAuction()),
    // The last moment that a Dataset can hold is none of those that JavaScript knows.
    times: { of: () => Float64Array.of(1000, 9_223_371_331_200_000), now: () => 5000 },
  }
  const { rank, written } = modelScene(model, { serving: { feedback: { history: 'Items' } } })
  const second = '1970-01-01T00:00:02.000Z'
  await rank({ time: second, user: { history: ['item-3'], historyTimes: ['1970-01-01T01:00:01+01:00'] } })
  await rank({ user: { history: ['item-3'] } })
  await rank({ user: { id: 'anna' } })
  const logged = (written.requests as RequestRecord[]).map(({ time, historyTimes }) => [time, historyTimes])
  expect(logged).toEqual([
    [second, ['1970-01-01T00:00:01.000Z']],
    ['1970-01-01T00:00:00.000Z', undefined],
    ['1970-01-01T00:00:00.000Z', ['1970-01-01T00:00:01.000Z', '9999-12-31T23:59:59.999Z']],
  ])
})

it('a click is logged with its ad, creative and what it costs', async () => {
  const { rank, post, written } = auctionScene(fakeAuction(), { serving: { feedback: {} } })
  await rank(request)
  expect((await post({ type: 'click', requestId: 'q', position: 1 }, '/v1/events')).statusCode).toBe(202)
  expect(written.clicks?.[0] as EventRecord).toMatchObject({
    ...{ user: 'bob', item: 'item-11', ad: 'ad-1', creative: 'blue', payment: 1, known: true },
  })
})
