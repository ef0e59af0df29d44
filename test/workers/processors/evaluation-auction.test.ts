import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dataset } from '../../../workers/data/dataset-reader.ts'
import type { Market } from '../../../workers/data/market/market.ts'
import { openAuctionModel } from '../../../workers/decoding/auction/open-auction-model.ts'
import { auctionMarketPorts } from '../../../workers/processors/evaluation-auction.ts'
import { readLearnedUsers } from '../../../workers/ranker/auction-model.ts'
import { inputOf } from '../artifacts/support.ts'
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

describe('a held-out judge', () => {
  const learning = (fold: string) =>
    models.publish({
      model: { architecture: 'EGAV2', ...smallSizes, ega: smallLists },
      stages: { pretrain: {}, reward: { fold } },
    })

  /** What such a model says of itself is read before anything else of it. */
  const ofAnotherRevision = async (fold: string) => {
    const { digest } = await models.store.publish(
      {
        kind: 'Model',
        inputDigest: inputOf(`${fold} elsewhere`),
        createdBy: { engine: 'none' },
        metadata: { architecture: 'EGAV2' },
        provenance: { namespace: 'ads', name: 'elsewhere', finishedAt: 0 },
      },
      (folder) => writeFile(join(folder, 'model.json'), JSON.stringify({ fold, datasetDigest: elsewhere })),
    )
    return digest
  }

  const judging = async (evaluator: string, judged: string) => {
    const { store } = models
    const { datasetDigest } = await readLearnedUsers(await store.open(await learning('First')))
    const settings = { store, threads: 1, dataset: { digest: datasetDigest } as Dataset, judged: [judged] }
    await (await auctionMarketPorts.openEvaluator(evaluator, settings)).release()
  }
  const elsewhere = inputOf('another revision')

  test('learned from the other half of the users', async () => {
    const [first, second] = [await learning('First'), await learning('Second')]
    await judging(second, first)
    await expect(judging(first, first)).rejects.toMatchObject({
      reason: 'NotHeldOut',
      message: expect.stringContaining('learned from the first half of the users, that of the model'),
    })
  })

  test('is of the same revision of the Dataset: another one has other halves', async () => {
    const evaluator = await learning('Second')
    for (const fold of ['First', 'Second', 'All'])
      await expect(judging(evaluator, await ofAnotherRevision(fold))).rejects.toMatchObject({
        reason: 'NotHeldOut',
        retryable: false,
        message: expect.stringContaining(
          `of revision ${elsewhere}, and each revision divides its users anew; have the`,
        ),
      })
  })

  test('is of the revision that is evaluated, which is said before anything of halves', async () => {
    const judged = await learning('First')
    await expect(judging(await ofAnotherRevision('Second'), judged)).rejects.toMatchObject({
      reason: 'ModelOfOtherItems',
      retryable: false,
    })
  })
})
