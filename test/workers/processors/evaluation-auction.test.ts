import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dataset } from '../../../workers/data/dataset-reader.ts'
import type { Market } from '../../../workers/data/market/market.ts'
import { openAuctionModel } from '../../../workers/decoding/auction/open-auction-model.ts'
import { auctionMarketPorts } from '../../../workers/processors/evaluation-auction.ts'
import { type RealModels, realModels, smallLists, smallSizes } from '../serving/auction/real-scene.ts'

let models: RealModels
beforeAll(async () => {
  models = await realModels()
}, 60_000)
afterAll(() => models?.release())

const published = (changes: object) =>
  models.publish({
    model: { architecture: 'EGAV2', ...smallSizes, ega: { ...smallLists, candidateLists: 8, ...changes } },
    stages: { pretrain: {}, reward: {} },
  })

/** Opens the model as an Evaluation with these weights does. */
async function opened(digest: string, alpha: number | undefined, beta: number | undefined) {
  const { store } = models
  const model = await openAuctionModel(digest, { store, threads: 1, maxBatch: 1 })
  await model.release()
  const marketplace = await auctionMarketPorts.openMarketplace(digest, {
    ...{ store, threads: 1, candidateLists: 8, alpha, beta, paymentRule: undefined, search: { starts: 0, seed: 1 } },
    dataset: { digest: model.datasetDigest } as Dataset,
    market: {} as Market,
  })
  await marketplace.release()
  return marketplace.paymentRule
}

describe('weights of bids that an Evaluation sets in place of the model’s', () => {
  test('are refused where nothing is left to weigh by, with what the model has', async () => {
    const model = await published({ paymentRule: 'GSP' })
    const withoutBeta = await published({ paymentRule: 'GSP', bidding: { beta: '0' } })
    const refusal = {
      reason: 'NothingWeighed',
      retryable: false,
      message: expect.stringContaining('set one of them above 0'),
    }
    await expect(opened(model, 0, 0)).rejects.toMatchObject(refusal)
    await expect(opened(withoutBeta, 0, undefined)).rejects.toMatchObject(refusal)
    expect(await opened(model, 0, undefined)).toBe('GSP')
    expect(await opened(withoutBeta, 0, 0.5)).toBe('GSP')
  })

  test('are refused by a model that weighs no tokens by bids', async () => {
    const model = await published({ paymentRule: 'GSP', bidding: { weights: 'None' } })
    await expect(opened(model, 1, undefined)).rejects.toMatchObject({ reason: 'NoTokenBids', retryable: false })
    expect(await opened(model, undefined, undefined)).toBe('GSP')
  })
})
