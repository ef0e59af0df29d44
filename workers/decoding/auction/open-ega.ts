// A model of EGA-V2 by its digest, ready to allocate: the one way in for evaluation and serving alike.

import type { ArtifactStore } from '../../artifacts/store.ts'
import type { Allocator } from '../../auction/auction.ts'
import { PaymentPricer } from '../../auction/payment-network/pricer.ts'
import { RewardScorer } from '../../auction/reward-model/scorer.ts'
import { type AuctionDefaults, type EgaModel, openEgaModel } from '../../ranker/ega/ega-artifact.ts'
import { generatorLayout } from '../../ranker/ega/generator-shape.ts'
import { itemVectorTable } from '../../ranker/ega/item-vector-table.ts'
import type { ExecutionProvider } from '../../tensor/execution-provider.ts'
import type { AllocationSettings, AuctionDecoder, StepTimes } from './auction-decoder.ts'
import { CascadeAllocator, recallRequest } from './cascade-allocator.ts'
import { withAlternatives } from './ega-alternatives.ts'
import { egaDecoder, IncompleteModelError } from './ega-decoder.ts'
import { findsListsWithoutBids, KnownLists } from './known-lists.ts'
import type { Rates } from './lists-under-bids.ts'
import type { OpenedAuctionModel } from './opened-model.ts'
import type { SessionCacheOptions } from './session-cache.ts'

/** Ads that a cascade recalls. */
const recalledAds = 50
/** Lists of one slot that a cascade's recall asks for: the best ads by probability. */
const recallBeams = 256

export interface OpenEgaOptions {
  readonly store: Pick<ArtifactStore, 'open'>
  readonly threads: number
  readonly maxBatch: number
  readonly ownThread?: boolean
  readonly provider?: ExecutionProvider
  readonly sessions?: SessionCacheOptions
  /**
   * Whether what no bid moves, lists or recall, is kept for questions about other bids. Most answers to such questions are
   * never priced, so that lists come without rates of payment where that saves a run; `rates` has them.
   */
  readonly keepsLists?: boolean
  /** Instead of what the model was made with. */
  readonly auction?: Partial<Pick<AuctionDefaults, 'bidding' | 'objective' | 'candidateLists'>>
}

export interface OpenedEga extends OpenedAuctionModel {
  readonly model: EgaModel
  /** Absent with a cascade, which knows no token bids. */
  readonly decoder: AuctionDecoder | undefined
}

/** @throws NotAModelError, IncompleteModelError, and what the store throws */
export async function openEga(digest: string, options: OpenEgaOptions): Promise<OpenedEga> {
  return openedEga(await openEgaModel(await options.store.open(digest)), options)
}

/** @throws IncompleteModelError */
export async function openedEga(model: EgaModel, options: Omit<OpenEgaOptions, 'store'>): Promise<OpenedEga> {
  const { threads, maxBatch, ownThread = false, provider = 'CPU', sessions = {} } = options
  const auction = { ...model.auction, ...options.auction }
  const sizes = { threads, maxBatch, ownThread, provider, sessions, bidUnit: auction.bidUnit }
  const { keepsLists = false } = options
  if (auction.allocation === 'Cascade') return openCascade(model, auction, sizes, keepsLists)
  // What is open when a later one fails is released.
  await using opened = new AsyncDisposableStack()
  const { candidateLists, organicOrder } = auction
  const decoder = egaDecoder(model, auction, { ...sizes, candidateLists, organicOrder })
  opened.defer(() => decoder.release())
  const { alternatives, bidder, bidUnit } = auction
  const scorer = alternatives === 'Swaps' ? await openScorer(model, threads, ownThread) : undefined
  if (scorer !== undefined) opened.defer(() => scorer.release())
  const pricer = keepsLists || alternatives !== undefined ? await openPricer(model, sizes) : undefined
  if (pricer !== undefined) opened.defer(() => pricer.release())
  const kept = opened.move()
  const rates: Rates | undefined = pricer && ((allocated) => pricer.rates(allocated))
  const allocatorFor = (settings: AllocationSettings, times?: StepTimes): Allocator => {
    const { objective, bidding } = settings
    const search: Allocator = {
      allocate: (requests) => decoder.allocate(requests, settings, times),
      underBids: (request, bids) => decoder.underBids(request, bids, settings, times),
    }
    const worth = { objective, bidUnit, ...(keepsLists ? {} : { rates }) }
    const found = withAlternatives(model, auction, { search, scorer, times, ...worth })
    return keepsLists && findsListsWithoutBids(bidding) ? new KnownLists({ search: found, bidding, ...worth }) : found
  }
  return {
    ...{ ...described(model), terms: auction, candidateLists, bidding: auction.bidding },
    ...{ decoder, allocatorFor, allocator: allocatorFor(auction) },
    hasPaymentNetwork: model.weights.payment !== undefined,
    ...(bidder && { bidder }),
    ...(keepsLists && rates && { rates }),
    prepare: (requests) => decoder.prepare(requests),
    release: () => kept.disposeAsync(),
  }
}

/** Undefined of a model without a payment network. */
async function openPricer(
  { shapes, weights, catalogue }: EgaModel,
  { threads, ownThread, bidUnit }: { readonly threads: number; readonly ownThread: boolean; readonly bidUnit: number },
): Promise<PaymentPricer | undefined> {
  const { generator: shape, payment } = shapes
  if (shape === null || payment === null || weights.generator === undefined || weights.payment === undefined)
    return undefined
  const generator = { shape, layout: generatorLayout(shape), parameters: weights.generator }
  const vectors = await itemVectorTable(
    generator,
    { ...catalogue.items, count: catalogue.items.itemCount },
    { threads, ownThread },
  )
  return PaymentPricer.create({ shape: payment, weights: weights.payment, vectors, bidUnit, threads, ownThread })
}

async function openCascade(
  model: EgaModel,
  auction: AuctionDefaults,
  sizes: Omit<ConstructorParameters<typeof AuctionDecoder>[3], 'candidateLists'>,
  keepsRecall: boolean,
): Promise<OpenedEga> {
  await using opened = new AsyncDisposableStack()
  const decoder = egaDecoder(model, { ...auction, bidding: 'None' }, { ...sizes, candidateLists: recallBeams })
  opened.defer(() => decoder.release())
  const scorer = await openScorer(model, sizes.threads, sizes.ownThread)
  opened.defer(() => scorer.release())
  const kept = opened.move()
  const allocatorFor = ({ objective }: Pick<AllocationSettings, 'objective'>, times?: StepTimes) =>
    new CascadeAllocator({
      recaller: { allocate: (requests) => decoder.allocate(requests, undefined, times) },
      score: (lists) => scorer.score(lists),
      ...{ objective, keepsRecall },
      recalled: recalledAds,
      bidUnit: auction.bidUnit,
    })
  return {
    ...{ ...described(model), terms: auction, candidateLists: auction.candidateLists, bidding: 'None' },
    hasPaymentNetwork: false,
    ...{ decoder: undefined, allocator: allocatorFor(auction), allocatorFor },
    prepare: (requests) => decoder.prepare(requests.map(recallRequest)),
    release: () => kept.disposeAsync(),
  }
}

const described = (model: EgaModel) => ({
  model,
  things: model,
  digest: model.digest,
  datasetDigest: model.datasetDigest,
  ...(model.expectedBids && { expectedBids: model.expectedBids }),
  slots: model.shapes.generator?.listLength ?? 1,
  openScorer: (threads: number) => openScorer(model, threads),
})

/** What of an artifact a judge of lists is made of. */
export interface JudgeParts extends Pick<EgaModel, 'digest' | 'catalogue'> {
  readonly shapes: Pick<EgaModel['shapes'], 'reward'>
  readonly weights: Pick<EgaModel['weights'], 'reward'>
}

/** The reward model alone, as a judge of lists. @throws IncompleteModelError */
export async function openScorer(model: JudgeParts, threads: number, ownThread = false): Promise<RewardScorer> {
  const { shapes, weights, catalogue, digest } = model
  if (shapes.reward === null || weights.reward === undefined) throw new IncompleteModelError(digest, 'reward model')
  const { items, creatives } = catalogue
  const scorer = await RewardScorer.create({
    shape: shapes.reward,
    items: { ...items, count: items.itemCount },
    ...(creatives === undefined ? {} : { creatives: { ...creatives, levels: creatives.codebookSizes.length } }),
    threads,
    ownThread,
  })
  try {
    await scorer.setParameters(weights.reward)
    return scorer
  } catch (error) {
    await scorer.release()
    throw error
  }
}
