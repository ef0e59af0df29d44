// A model of OneRanker by its digest, ready to allocate.

import { PaymentPricer } from '../../auction/payment-network/pricer.ts'
import { type OneRankerModel, openOneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import { leastValue } from '../../ranker/one-ranker/item-values.ts'
import type { StepTimes } from '../auction/auction-decoder.ts'
import { type OpenEgaOptions, openScorer } from '../auction/open-ega.ts'
import type { OpenedAuctionModel } from '../auction/opened-model.ts'
import type { ListObjective } from '../auction/reward-judge.ts'
import { OneRankerAllocator } from './one-ranker-allocator.ts'
import { PageViews } from './page-views.ts'
import { logQualities, prepareQualities } from './qualities.ts'
import { RankedModel } from './ranked-model.ts'

export interface OpenOneRankerOptions extends Omit<OpenEgaOptions, 'auction'> {
  /** What may be kept of users while their histories stay, in bytes; absent: nothing. */
  readonly userBytes?: number
  readonly auction?: { readonly objective?: ListObjective; readonly candidates?: number }
}

export interface OpenedOneRanker extends OpenedAuctionModel {
  readonly model: OneRankerModel
  readonly ranked: RankedModel
  /** Of the objective alone. */
  allocatorFor(settings: { readonly objective: ListObjective }, times?: StepTimes): OneRankerAllocator
}

/** What allocation reads of a model. */
export type AllocatingModel = Pick<
  OneRankerModel,
  'digest' | 'shapes' | 'weights' | 'catalogue' | 'creativeOffsets' | 'isAd' | 'auction'
>

/** @throws NotAModelError, IncompleteModelError, and what the store throws */
export async function openOneRanker(digest: string, options: OpenOneRankerOptions): Promise<OpenedOneRanker> {
  return openedOneRanker(await openOneRankerModel(await options.store.open(digest)), options)
}

/** @throws IncompleteModelError */
export async function openedOneRanker(
  model: OneRankerModel,
  options: Omit<OpenOneRankerOptions, 'store'>,
): Promise<OpenedOneRanker> {
  const { ranked, terms, hasPaymentNetwork, allocatorFor, release } = await openAllocation(model, options)
  return {
    ...{ model, ranked, terms, hasPaymentNetwork, allocatorFor, release },
    ...{ things: model, bidding: 'None', slots: model.listLength, candidateLists: undefined },
    digest: model.digest,
    leastOrganic: leastValue,
    histories: ranked.ranker.histories,
    datasetDigest: model.datasetDigest,
    allocator: allocatorFor(terms),
    openScorer: (threads) => openScorer(model, threads),
    prepare: (requests) => prepareQualities(requests, ranked, terms.candidates),
  }
}

/** @throws IncompleteModelError */
export async function openAllocation(model: AllocatingModel, options: Omit<OpenOneRankerOptions, 'store'>) {
  const { threads, ownThread = false, auction } = options
  const terms = { ...model.auction, ...auction }
  // What is open when a later one fails is released.
  await using opened = new AsyncDisposableStack()
  const ranked = await RankedModel.create(model, options)
  opened.defer(() => ranked.release())
  const scorer = await openScorer(model, threads, ownThread)
  opened.defer(() => scorer.release())
  const pricer = await openPricer(model, ranked, { threads, ownThread })
  if (pricer !== undefined) opened.defer(() => pricer.release())
  const kept = opened.move()
  const views = new PageViews()
  const allocatorFor = ({ objective }: { readonly objective: ListObjective }, times?: StepTimes) =>
    new OneRankerAllocator({
      ...{ objective, views, bidUnit: terms.bidUnit, creativeOffsets: model.creativeOffsets },
      qualities: (requests, spent) => logQualities(requests, ranked, terms.candidates, spent),
      score: (lists) => scorer.score(lists),
      ...(pricer === undefined ? {} : { rates: (allocated) => pricer.rates(allocated) }),
      ...(times === undefined ? {} : { times }),
    })
  return {
    ...{ ranked, terms, allocatorFor },
    hasPaymentNetwork: pricer !== undefined,
    release: () => kept.disposeAsync(),
  }
}

function openPricer(
  { shapes, weights, auction: { bidUnit } }: AllocatingModel,
  { side: { vectors } }: RankedModel,
  where: { readonly threads: number; readonly ownThread: boolean },
): Promise<PaymentPricer> | undefined {
  if (shapes.payment === null || weights.payment === undefined) return undefined
  return PaymentPricer.create({ shape: shapes.payment, weights: weights.payment, vectors, bidUnit, ...where })
}
