import { afterEach, describe, expect, test, vi } from 'vitest'
import { PaymentPricer } from '../../../workers/auction/payment-network/pricer.ts'
import { RewardScorer } from '../../../workers/auction/reward-model/scorer.ts'
import { AuctionDecoder } from '../../../workers/decoding/auction/auction-decoder.ts'
import { openedEga } from '../../../workers/decoding/auction/open-ega.ts'
import { openedOneRanker } from '../../../workers/decoding/one-ranker/open-one-ranker.ts'
import { RankedModel } from '../../../workers/decoding/one-ranker/ranked-model.ts'
import { pricedModel, settings } from './auction/small-model.ts'
import { tinyOneRanker } from './one-ranker/tiny-model.ts'

afterEach(() => void vi.restoreAllMocks())

const options = { threads: 1, maxBatch: 8 }
const outOfMemory = new Error('out of memory')

describe('what is open when a later part of a model cannot be opened is released', () => {
  test('of OneRanker', async () => {
    const released = [vi.spyOn(RankedModel.prototype, 'release'), vi.spyOn(RewardScorer.prototype, 'release')]
    vi.spyOn(PaymentPricer, 'create').mockRejectedValueOnce(outOfMemory)
    await expect(openedOneRanker(tinyOneRanker({ price: 'Threshold' }), options)).rejects.toBe(outOfMemory)
    for (const release of released) expect(release).toHaveBeenCalledTimes(1)
  })

  test('of EGA-V2', async () => {
    const release = vi.spyOn(AuctionDecoder.prototype, 'release')
    vi.spyOn(PaymentPricer, 'create').mockRejectedValueOnce(outOfMemory)
    const model = pricedModel('Threshold', { ...settings, alternatives: 'Each' })
    await expect(openedEga(model, options)).rejects.toBe(outOfMemory)
    expect(release).toHaveBeenCalledTimes(1)
  })

  test('of a cascade', async () => {
    const release = vi.spyOn(AuctionDecoder.prototype, 'release')
    vi.spyOn(RewardScorer, 'create').mockRejectedValueOnce(outOfMemory)
    const model = pricedModel('Rate', { allocation: 'Cascade', bidding: 'None' })
    await expect(openedEga(model, options)).rejects.toBe(outOfMemory)
    expect(release).toHaveBeenCalledTimes(1)
  })
})
