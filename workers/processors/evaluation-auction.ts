// A trained model as an evaluation opens it: a marketplace that allocates and prices, and a reward model that only judges.

import type { Mechanism } from '../auction/bid-outcomes.ts'
import { payments } from '../auction/payments/payments.ts'
import { audit, auditDefaults } from '../auction/regret/audit.ts'
import { areApart, type Fold } from '../auction/reward-model/fold.ts'
import type { RewardList, RewardScorer } from '../auction/reward-model/scorer.ts'
import { openMarket } from '../data/market/open-market.ts'
import { openTruth } from '../data/market/truth.ts'
import { withRates } from '../decoding/auction/lists-under-bids.ts'
import { hasAuction, openAuctionModel, openJudge } from '../decoding/auction/open-auction-model.ts'
import type { OpenedAuctionModel } from '../decoding/auction/opened-model.ts'
import type { JudgeLists, RankedList } from '../evaluation/market/judge.ts'
import { type LearnedUsers, readLearnedUsers } from '../ranker/auction-model.ts'
import { JobError } from './job-error.ts'
import {
  type Evaluator,
  type EvaluatorSettings,
  type MarketPorts,
  type Marketplace,
  type MarketplaceSettings,
  noAuction,
} from './market-ports.ts'

/** Rows of a decoding run: misreports of one request go together. */
const maxBatch = 64
/** Rivals at whose ties the search tries each ad, those with the highest: a request may have thousands. */
const searchedRivals = 16

export const auctionMarketPorts: MarketPorts = {
  openMarketplace,
  openEvaluator,
  openMarket: (source) => openMarket(source),
  openTruth,
}

async function openMarketplace(digest: string, settings: MarketplaceSettings): Promise<Marketplace> {
  const { store, threads, candidateLists } = settings
  await checkAuction(digest, store)
  const opened = await openAuctionModel(digest, {
    store,
    threads,
    maxBatch,
    keepsLists: true,
    auction: { candidateLists },
  })
  try {
    return await marketplaceOf(opened, settings)
  } catch (error) {
    await opened.release()
    throw error
  }
}

async function marketplaceOf(opened: OpenedAuctionModel, settings: MarketplaceSettings): Promise<Marketplace> {
  const { digest, terms, bidding } = opened
  checkDataset(opened, settings)
  checkBidding(opened, settings)
  const paymentRule = settings.paymentRule ?? terms.paymentRule
  if (paymentRule === 'PaymentNetwork' && !opened.hasPaymentNetwork)
    throw new JobError(
      'NoPaymentNetwork',
      `The model ${digest} has no payment network: train the payment stage, or give another spec.market.paymentRule`,
      { retryable: false },
    )
  const { alpha, beta, search, threads } = settings
  const given = { ...(alpha === undefined ? {} : { alpha }), ...(beta === undefined ? {} : { beta }) }
  const allocator = opened.allocatorFor({
    objective: terms.objective,
    bidding: bidding === 'None' ? bidding : { ...bidding, ...given },
  })
  const mechanism: Mechanism = {
    allocator,
    payments: async (lists) => {
      const rated = paymentRule === 'PaymentNetwork' ? await withRates(lists, opened.rates) : lists
      return payments(paymentRule, rated, { allocator })
    },
  }
  const scorer = await opened.openScorer(threads)
  return {
    ...mechanism,
    slots: opened.slots,
    ...(opened.bidder && { bidder: opened.bidder }),
    paymentRule,
    judgeLists: judge(scorer),
    searchRegret: (searched, clicks) =>
      audit({ ...mechanism, clicks }, [searched], {
        ...auditDefaults,
        rivals: searchedRivals,
        starts: search.starts,
        seed: search.seed,
        batch: maxBatch,
      }),
    release: async () => {
      try {
        await opened.release()
      } finally {
        await scorer.release()
      }
    },
  }
}

async function openEvaluator(
  digest: string,
  { store, threads, dataset, judged }: EvaluatorSettings,
): Promise<Evaluator> {
  await checkAuction(digest, store)
  const learned = await readLearnedUsers(await store.open(digest))
  const evaluator = { digest, ...learned }
  checkDataset(evaluator, { dataset })
  for (const each of judged) await checkHeldOut(evaluator, each, store)
  const { scorer, slots } = await openJudge(digest, { store, threads })
  return { judgeLists: judge(scorer), slots, release: () => scorer.release() }
}

async function checkAuction(digest: string, store: MarketplaceSettings['store']): Promise<void> {
  if (!hasAuction(await store.open(digest))) throw noAuction(digest)
}

/** A judge that learned from the users of the model it judges shares its mistakes. */
async function checkHeldOut(
  { digest, fold: ours, datasetDigest }: LearnedUsers & { readonly digest: string },
  judged: string,
  store: MarketplaceSettings['store'],
): Promise<void> {
  const model = await store.open(judged)
  if (!hasAuction(model)) return
  const { fold: theirs, datasetDigest: learned } = await readLearnedUsers(model)
  if (ours === null || theirs === null) return
  // Users are halved by their numbers, which each revision of the data gives anew.
  const isOneRevision = learned === datasetDigest
  if (isOneRevision && areApart(ours, theirs)) return
  const message = isOneRevision
    ? `The evaluator ${digest} is not held out: its reward model learned from ${usersOf(ours)}, that of the model ${judged} from ${usersOf(theirs)}; name a TrainingRun that learned from the other half (stages.reward.fold: First and Second).`
    : `Nobody can tell whether the evaluator ${digest} is held out: its reward model learned from ${usersOf(ours)} of Dataset revision ${datasetDigest}, that of the model ${judged} from ${usersOf(theirs)} of revision ${learned}, and each revision divides its users anew; have the model learn the revision of the evaluator, from the other half of its users, or leave the model or the evaluator out.`
  throw new JobError('NotHeldOut', message, { retryable: false })
}

const usersOf = (fold: Fold): string => (fold === 'All' ? 'all users' : `the ${fold.toLowerCase()} half of the users`)

function checkBidding(
  { digest, bidding }: Pick<OpenedAuctionModel, 'digest' | 'bidding'>,
  { alpha, beta }: Pick<MarketplaceSettings, 'alpha' | 'beta'>,
): void {
  if (alpha === undefined && beta === undefined) return
  if (bidding === 'None') {
    const message = `The model ${digest} was made without token bids: leave alpha and beta out`
    throw new JobError('NoTokenBids', message, { retryable: false })
  }
  if ((alpha ?? bidding.alpha) + (beta ?? bidding.beta) > 0) return
  const message = `With what spec.market sets of them, alpha and beta of the model ${digest} are both 0, and no bid would weigh anything: set one of them above 0`
  throw new JobError('NothingWeighed', message, { retryable: false })
}

function checkDataset(
  { digest, datasetDigest }: Pick<OpenedAuctionModel, 'digest' | 'datasetDigest'>,
  { dataset }: Pick<MarketplaceSettings, 'dataset'>,
): void {
  if (datasetDigest === dataset.digest) return
  const message = `The model ${digest} learned Dataset revision ${datasetDigest}, and its items are counted by it; measure it on that revision, not on ${dataset.digest}`
  throw new JobError('ModelOfOtherItems', message, { retryable: false })
}

const toRewardList = ({ request, items, ads, creatives, slots }: RankedList): RewardList => ({
  history: request.history,
  items,
  creatives,
  isAd: Uint8Array.from(ads, (ad) => Number(ad >= 0)),
  ...(slots && { slots }),
})

const judge =
  (scorer: RewardScorer): JudgeLists =>
  async (lists) =>
    (await scorer.score(lists.map(toRewardList))).map(({ pCtr, pCtrCreative, pCvr }) => ({
      click: pCtr,
      ...(pCtrCreative === undefined ? {} : { creativeClick: pCtrCreative }),
      ...(pCvr === undefined ? {} : { conversion: pCvr }),
    }))
