import type { Bidder } from '../../crds/auction-terms.ts'
import type { JobPayload } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { MarketEvaluation, OffPolicyEvaluation } from '../../crds/market-evaluation.ts'
import type { Artifact } from '../artifacts/store.ts'
import type { ListConstraints } from '../auction/auction.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import type { Market } from '../data/market/market.ts'
import { championName } from '../evaluation/evaluate.ts'
import { type BudgetOptions, budgetOutcome } from '../evaluation/market/budgets.ts'
import { type Judge, modelJudge, truthJudge } from '../evaluation/market/judge.ts'
import { type StoredMarket, type StoredMarkets, writeMarkets } from '../evaluation/market/market-files.ts'
import { canGoOn, type MeasureOptions, measureMechanism, progressStart } from '../evaluation/market/measure.ts'
import { clustersOf } from '../evaluation/market/outcomes.ts'
import {
  type MeasuredMarket,
  type OffPolicyReport,
  type ReportOptions,
  reportMarket,
  reportOffPolicy,
  summarizeMarket,
} from '../evaluation/market/report.ts'
import { type MarketRequest, type Reserves, sampleRequests } from '../evaluation/market/requests.ts'
import type { ProcessorContext } from './context.ts'
import { modelsOf } from './evaluation-models.ts'
import type { EvaluationPart } from './evaluation-part.ts'
import { JobError } from './job-error.ts'
import { MarketCheckpoints } from './market-checkpoints.ts'
import type { Evaluator, MarketPorts, Marketplace, MarketplaceSettings } from './market-ports.ts'

type Spec = Evaluation['spec']
type Payload = JobPayload<Spec> & { readonly market: MarketEvaluation }

/** Requests between two looks at the half-width of Ψ. */
const checkEvery = 10

interface Source {
  /** Of the Dataset. */
  readonly source: Artifact
  readonly dataset: Dataset
}

interface Scene extends Source {
  readonly payload: Payload
  readonly context: ProcessorContext
  readonly ports: MarketPorts
  readonly market: Market
  readonly judges: readonly Judge[]
  readonly evaluator: Evaluator | undefined
}

/** Holds the auctions of logged requests again: by the model, and by the champion where there is one. */
export async function evaluateMarket(
  payload: Payload,
  context: ProcessorContext,
  { source, dataset }: Source,
  ports: MarketPorts,
): Promise<EvaluationPart> {
  const market = await ports.openMarket(source, dataset)
  if (market?.requests === undefined) {
    const message =
      'The Dataset has no logged requests: give it spec.advertising with requests, or leave spec.market out.'
    throw new JobError('NoMarket', message, { retryable: false })
  }
  const { store, threads } = context
  const { evaluator: digest } = payload.inputs
  const judged = modelsOf(payload).map((model) => model.digest)
  const evaluator =
    digest === undefined ? undefined : await ports.openEvaluator(digest, { store, threads, dataset, judged })
  try {
    const judges = await openJudges(payload, source, evaluator, ports)
    return await measureAll({ payload, context, source, dataset, ports, market, judges, evaluator })
  } finally {
    await evaluator?.release()
  }
}

async function openJudges(
  { market: { truth: wanted } }: Payload,
  source: Artifact,
  evaluator: Evaluator | undefined,
  ports: MarketPorts,
): Promise<Judge[]> {
  const truth = wanted === false ? undefined : await ports.openTruth(source)
  if (wanted === true && truth === undefined) {
    const message =
      'spec.market.truth is true, but the Dataset has no simulated marketplace, whose truth alone is known; set it to false.'
    throw new JobError('NoTruth', message, { retryable: false })
  }
  return [
    modelJudge,
    ...(evaluator === undefined ? [] : [{ name: 'HeldOut' as const, chances: evaluator.judgeLists }]),
    ...(truth === undefined ? [] : [truthJudge(truth)]),
  ]
}

async function measureAll(scene: Scene): Promise<EvaluationPart> {
  const { payload, context } = scene
  const { model, champion } = payload.inputs
  const checkpoints = await MarketCheckpoints.open(payload, context)
  // Opened for a moment: what makes it incomparable is said before the model has taken its hours.
  const comparable =
    champion === undefined
      ? []
      : [{ who: `the champion ${champion}`, slots: await withMarketplace(scene, champion, async ({ slots }) => slots) }]
  const sample = await withMarketplace(scene, model, async (marketplace) => {
    const taken = takeSample(scene, marketplace)
    for (const { who, slots } of [{ who: `the model ${model}`, slots: marketplace.slots }, ...comparable])
      checkSlots(taken.slots, slots, who)
    await measureSystem(scene, taken, marketplace, { name: 'model', title: '', checkpoints })
    return taken
  })
  if (champion !== undefined)
    await withMarketplace(scene, champion, (marketplace) =>
      measureSystem(scene, sample, marketplace, { name: 'champion', title: `${championName} `, checkpoints }),
    )
  return partOf(scene, sample, checkpoints.markets(sample.identity))
}

/** One after another: two sets of weights in memory at once would need twice as much. */
async function withMarketplace<T>(
  scene: Scene,
  digest: string,
  use: (marketplace: Marketplace) => Promise<T>,
): Promise<T> {
  const marketplace = await scene.ports.openMarketplace(digest, settingsOf(scene))
  try {
    return await use(marketplace)
  } finally {
    await marketplace.release()
  }
}

interface Sample {
  /** Of the longest list. */
  readonly slots: number
  readonly requests: readonly MarketRequest[]
  readonly skipped: number
  /** The same for a champion: both are compared. */
  readonly bidder: Bidder
  readonly clusters: Uint32Array
  readonly budgets: BudgetOptions | undefined
  readonly identity: Omit<StoredMarkets, 'systems'>
}

const settingsOf = ({ payload, context, dataset, market }: Scene): MarketplaceSettings => {
  const { candidateLists, alpha, beta, paymentRule, audit } = payload.market
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text))
  const { store, threads } = context
  return {
    store,
    threads,
    dataset,
    market,
    candidateLists,
    alpha: number(alpha),
    beta: number(beta),
    paymentRule,
    search: { starts: audit.regretStarts, seed: audit.seed },
  }
}

/** The lists of a champion are as long as those of the model: they are compared. */
function takeSample({ payload, dataset, market, judges, evaluator }: Scene, marketplace: Marketplace): Sample {
  const { spec, market: settings } = payload
  const slots = settings.slots ?? marketplace.slots
  if (evaluator !== undefined) checkSlots(slots, evaluator.slots, 'the evaluator')
  const { requests, skipped } = sampleRequests(dataset, market, {
    part: spec.split === 'Validation' ? 'validation' : 'test',
    count: settings.requests,
    seed: spec.seed,
    slots,
    constraints: constraintsOf(settings),
    bids: settings.bids === 'Logged' ? 'Logged' : 'Truthful',
    reserves: reservesOf(settings, market),
  })
  if (requests.length === 0) {
    const message = `The ${spec.split.toLowerCase()} part of the log holds no request with candidates; change the split of the Dataset or spec.split.`
    throw new JobError('NoRequests', message, { retryable: false })
  }
  const clusters = clustersOf(requests, dataset.userCount)
  const identity = {
    judges: judges.map(({ name }) => name),
    requests: requests.map(({ index }) => index),
    clusters,
  }
  const bidder = settings.audit.bidder ?? marketplace.bidder ?? 'Ad'
  const budgets = budgetsOf(settings, market, requests.length)
  return { slots, requests, skipped, bidder, clusters, budgets, identity }
}

/** @throws JobError where lists are longer than those that somebody learned from */
function checkSlots(slots: number, longest: number, who: string): void {
  if (slots <= longest) return
  const message = `Lists of ${slots} are asked for, and ${who} knows lists of ${longest} at most: set spec.market.slots to ${longest} or less, or train with a longer list.`
  throw new JobError('ListsTooLong', message, { retryable: false })
}

const constraintsOf = ({ constraints }: MarketEvaluation): ListConstraints => ({
  maxAds: constraints.maxAds ?? Number.POSITIVE_INFINITY,
  minGap: constraints.minGap,
  maxPerAdvertiser: constraints.maxPerAdvertiser ?? Number.POSITIVE_INFINITY,
})

/** @throws JobError for an advertiser that the Dataset does not know: its reserve would bind nobody */
function reservesOf({ reserves }: MarketEvaluation, { advertisers }: Market): Reserves | undefined {
  if (reserves === undefined) return undefined
  const { reservePrice = '0', slotReserves = [], advertiserReserves = [] } = reserves
  const own = new Map(advertiserReserves.map(({ advertiser, price }) => [advertiser, Number(price)]))
  const known = new Set(advertisers.ids)
  const unknown = [...own.keys()].find((id) => !known.has(id))
  if (unknown !== undefined) {
    const message = `spec.market.reserves names the advertiser "${unknown}", whom the Dataset does not know; correct the id, or leave it out.`
    throw new JobError('UnknownAdvertiser', message, { retryable: false })
  }
  return {
    bySlot: Float64Array.from(slotReserves, Number),
    byAdvertiser: Float64Array.from(advertisers.ids, (id) => Math.max(Number(reservePrice), own.get(id) ?? 0)),
  }
}

/** Budgets are over the whole log, of which `held` requests are a part. */
function budgetsOf({ budgets }: MarketEvaluation, market: Market, held: number): BudgetOptions | undefined {
  if (budgets === undefined) return undefined
  const { budget } = market.advertisers
  if (!budget.some(Number.isFinite)) {
    const message =
      'spec.market.budgets is set, but no advertiser of the Dataset has a budget: give spec.advertising.advertisers.columns.budget of the Dataset, or leave budgets out.'
    throw new JobError('NoBudgets', message, { retryable: false })
  }
  const share = held / (market.requests?.count ?? held)
  return { pacing: budgets.pacing, budget: budget.map((amount) => amount * share) }
}

function measureOptions(
  { audit, bids, bestResponse, utilityFloor }: MarketEvaluation,
  { bidder, budgets }: Pick<Sample, 'bidder' | 'budgets'>,
  search: Marketplace['searchRegret'],
): MeasureOptions {
  return {
    losers: audit.losersPerRequest,
    bidder,
    seed: audit.seed,
    search: audit.regretStarts > 0 ? search : undefined,
    searchRequests: audit.searchRequests,
    bestResponse:
      bids === 'BestResponse'
        ? {
            rounds: bestResponse.rounds,
            grid: bestResponse.grid.map(Number),
            leastGain: Number(bestResponse.leastGainPercent ?? 0) / 100,
          }
        : undefined,
    sampling: {
      maxRequests: audit.maxRequests,
      minRequests: audit.minRequests,
      halfWidth: Number(audit.halfWidthPercent) / 100,
      checkEvery,
    },
    utilityFloor: Number(utilityFloor),
    budgets,
  }
}

interface System {
  readonly name: string
  /** Stands before the phases of progress. */
  readonly title: string
  readonly checkpoints: MarketCheckpoints
}

async function measureSystem(
  { payload, context, market, judges }: Scene,
  sample: Sample,
  marketplace: Marketplace,
  { name, title, checkpoints }: System,
): Promise<void> {
  const { requests, clusters, identity } = sample
  const { paymentRule, judgeLists, slots, searchRegret } = marketplace
  const kept = checkpoints.find(name)
  const found = kept && canGoOn(kept.progress, judges) ? kept : undefined
  const progress = found?.progress ?? progressStart(judges)
  const keep = (system: StoredMarket): void => checkpoints.keep(name, system)
  keep({ progress, paymentRule, sampled: found?.sampled })
  if (found?.sampled !== undefined) return
  const logScorer = judgeLists && { judge: judgeLists, slots }
  const subject = { mechanism: marketplace, logScorer, judges, market, requests, clusters }
  const sampled = await measureMechanism(subject, progress, measureOptions(payload.market, sample, searchRegret), {
    report: async (phase, step, totalSteps) => {
      context.signal.throwIfAborted()
      await checkpoints.report({ phase: `${title}${phase}`, step, totalSteps })
    },
    settled: () => checkpoints.settled(identity),
  })
  keep({ progress, paymentRule, sampled })
}

function partOf({ payload, judges, market: log }: Scene, sample: Sample, markets: StoredMarkets): EvaluationPart {
  const { spec, market } = payload
  const measured = (name: string): MeasuredMarket | undefined => {
    const found = markets.systems.get(name)
    return found?.sampled === undefined ? undefined : { ...found, sampled: found.sampled }
  }
  const model = measured('model')
  if (model === undefined) throw new Error('The model is not measured to the end')
  const resampling = { samples: spec.bootstrapSamples, seed: spec.seed }
  const options: ReportOptions = {
    ...resampling,
    clusters: sample.clusters,
    judges: judges.map(({ name }) => name),
    utilityFloor: Number(market.utilityFloor),
    searched: market.audit.regretStarts > 0,
  }
  const { requests, skipped, bidder } = sample
  const budgets = sample.budgets && budgetOutcome(requests, log, model.progress.outcomes, sample.budgets)
  const report = reportMarket(model, measured('champion'), options)
  const offPolicy =
    spec.offPolicy && judgeOffPolicy(spec.offPolicy, model, { clusters: sample.clusters, market: log }, resampling)
  return {
    metrics: [...report.metrics, ...(offPolicy?.metrics ?? [])],
    comparisons: report.comparisons,
    summary: {
      market: summarizeMarket(model, report, options, { skipped, bidder, budgets }),
      ...(offPolicy && { offPolicy: offPolicy.summary }),
    },
    described: {},
    write: (directory) => writeMarkets(directory, markets),
  }
}

function judgeOffPolicy(
  { estimators, clip, minEffectiveSamples, minPositives }: OffPolicyEvaluation,
  { progress }: MeasuredMarket,
  { clusters, market: { creatives, requests } }: { readonly clusters: Uint32Array; readonly market: Market },
  resampling: { readonly samples: number; readonly seed: number },
): OffPolicyReport {
  const log = {
    clusters,
    propensities: requests?.exposed?.propensity?.meaning ?? 'Marginal',
    creativeOffsets: creatives?.offsets,
  }
  return reportOffPolicy(progress, log, {
    ...resampling,
    estimators,
    clip: clip === undefined ? Number.POSITIVE_INFINITY : Number(clip),
    rule: { minEffectiveSamples, minPositives },
  })
}
