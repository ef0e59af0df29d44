// EGA-V2 as an evaluation opens it: a marketplace that allocates and prices, and a reward model that only judges.

import { payments } from '../auction/payments/payments.ts'
import { audit, auditDefaults } from '../auction/regret/audit.ts'
import type { RewardList, RewardScorer } from '../auction/reward-model/scorer.ts'
import { openMarket } from '../data/market/open-market.ts'
import { openTruth } from '../data/market/truth.ts'
import { openEga, openScorer } from '../decoding/auction/open-ega.ts'
import type { JudgeLists, RankedList } from '../evaluation/market/judge.ts'
import type { Mechanism } from '../evaluation/market/mechanism.ts'
import { type EgaModel, openEgaModel } from '../ranker/ega/ega-artifact.ts'
import { JobError } from './job-error.ts'
import {
  type Evaluator,
  type MarketPorts,
  type Marketplace,
  type MarketplaceSettings,
  noAuction,
} from './market-ports.ts'

/** Rows of a decoding run: misreports of one request go together. */
const maxBatch = 64

export const egaMarketPorts: MarketPorts = {
  openMarketplace,
  openEvaluator,
  openMarket: (source) => openMarket(source),
  openTruth,
}

async function openAuctionModel(digest: string, store: MarketplaceSettings['store']): Promise<EgaModel> {
  const artifact = await store.open(digest)
  if (artifact.manifest.metadata.architecture !== 'EGAV2') throw noAuction(digest)
  return openEgaModel(artifact)
}

async function openMarketplace(digest: string, settings: MarketplaceSettings): Promise<Marketplace> {
  const { store, threads, dataset, candidateLists, alpha, beta, search } = settings
  const made = await openAuctionModel(digest, store)
  checkDataset(digest, made.datasetDigest, dataset.digest)
  const { bidding } = made.auction
  const given = { ...(alpha === undefined ? {} : { alpha }), ...(beta === undefined ? {} : { beta }) }
  if (bidding === 'None' && (alpha !== undefined || beta !== undefined))
    throw new JobError('NoTokenBids', `The model ${digest} was made without token bids: leave alpha and beta out`, {
      retryable: false,
    })
  const paymentRule = settings.paymentRule ?? made.auction.paymentRule
  if (paymentRule === 'PaymentNetwork' && made.weights.payment === undefined)
    throw new JobError(
      'NoPaymentNetwork',
      `The model ${digest} has no payment network: train the payment stage, or give another spec.market.paymentRule`,
      { retryable: false },
    )
  const opened = await openEga(digest, {
    store,
    threads,
    maxBatch,
    auction: { candidateLists, bidding: bidding === 'None' ? bidding : { ...bidding, ...given } },
  })
  const scorer = await openScorer(opened.model, threads)
  const { allocator } = opened
  const mechanism: Mechanism = { allocator, payments: (lists) => payments(paymentRule, lists, { allocator }) }
  return {
    ...mechanism,
    slots: opened.model.shapes.generator?.listLength ?? 0,
    paymentRule,
    judgeLists: judge(scorer),
    searchRegret: (searched, clicks) =>
      audit({ ...mechanism, clicks }, [searched], {
        ...auditDefaults,
        starts: search.starts,
        seed: search.seed,
        batch: maxBatch,
      }),
    release: async () => {
      await opened.release()
      await scorer.release()
    },
  }
}

async function openEvaluator(
  digest: string,
  { store, threads, dataset }: Parameters<MarketPorts['openEvaluator']>[1],
): Promise<Evaluator> {
  const model = await openAuctionModel(digest, store)
  checkDataset(digest, model.datasetDigest, dataset.digest)
  const scorer = await openScorer(model, threads)
  return { judgeLists: judge(scorer), release: () => scorer.release() }
}

function checkDataset(digest: string, trained: string, measured: string): void {
  if (trained === measured) return
  const message = `The model ${digest} learned Dataset revision ${trained}, and its items are counted by it; measure it on that revision, not on ${measured}`
  throw new JobError('ModelOfOtherItems', message, { retryable: false })
}

const toRewardList = ({ request, items, ads, creatives }: RankedList): RewardList => ({
  history: request.history,
  items,
  creatives,
  isAd: Uint8Array.from(ads, (ad) => Number(ad >= 0)),
})

const judge =
  (scorer: RewardScorer): JudgeLists =>
  async (lists) =>
    (await scorer.score(lists.map(toRewardList))).map(({ pCtr, pCtrCreative, pCvr }) => ({
      click: pCtr,
      ...(pCtrCreative === undefined ? {} : { creativeClick: pCtrCreative }),
      ...(pCvr === undefined ? {} : { conversion: pCvr }),
    }))
