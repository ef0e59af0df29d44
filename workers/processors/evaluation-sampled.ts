import type { JobPayload, SampledSummary } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { SampledEvaluation } from '../../crds/sampled-lists.ts'
import type { Artifact } from '../artifacts/store.ts'
import { trainingCounts } from '../data/co-occurrence.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import { advertised } from '../data/market/advertised.ts'
import type { Market } from '../data/market/market.ts'
import { itemCf } from '../evaluation/item-cf.ts'
import { translateScorer } from '../evaluation/item-translation.ts'
import { eligibleAds, organicItems } from '../evaluation/market/requests.ts'
import { popularity } from '../evaluation/popularity.ts'
import type { TrainedRecommender } from '../evaluation/recommender.ts'
import type { CandidateScorer, CandidateScores } from '../evaluation/sampled/candidate-scorer.ts'
import { clickCases, nextItemCases, type SampledCase } from '../evaluation/sampled/cases.ts'
import { gradedList, isGraded } from '../evaluation/sampled/list-values.ts'
import { longestOf, type SampledList, type SampledLists, sampleLists } from '../evaluation/sampled/lists.ts'
import { type DrawNegatives, negativesAmong, weightedNegatives } from '../evaluation/sampled/negatives.ts'
import { reportSampled, type ScoredSystem } from '../evaluation/sampled/report.ts'
import { writeSampled } from '../evaluation/sampled/sampled-files.ts'
import type { ProcessorContext } from './context.ts'
import { type Grades, gradeLists } from './evaluation-grades.ts'
import { checkSharesItems, forEachModel, modelsOf, type OpenModel } from './evaluation-models.ts'
import type { EvaluationPart } from './evaluation-part.ts'
import { JobError } from './job-error.ts'
import type { MarketPorts } from './market-ports.ts'

type Payload = JobPayload<Evaluation['spec']> & { readonly sampled: SampledEvaluation }

interface Source {
  /** Of the Dataset. */
  readonly source: Artifact
  readonly dataset: Dataset
}

type Ports = Pick<MarketPorts, 'openMarket' | 'openEvaluator' | 'openTruth'> & { readonly openModel: OpenModel }

/** Lists that are scored at once. */
const batchSize = 256

/** Has the model, the champion and the baselines order the same short lists of a target and sampled candidates. */
export async function evaluateSampled(
  payload: Payload,
  context: ProcessorContext,
  { source, dataset }: Source,
  ports: Ports,
): Promise<EvaluationPart> {
  const { spec, sampled, inputs } = payload
  const market = await ports.openMarket(source, dataset)
  const drawn = drawLists(payload, dataset, market)
  const { lists } = drawn
  const judged = modelsOf(payload).map(({ digest }) => digest)
  const graders = { evaluator: inputs.evaluator, judged, source, dataset, ports }
  const grades =
    sampled.graded === undefined
      ? undefined
      : await gradeLists(lists, { ...graders, settings: sampled.graded, market: needed(market, bids) }, context)
  const [model, ...others] = await scoreAll(payload, context, { dataset, lists, openModel: ports.openModel })
  await context.progress({ phase: 'Resampling', step: 1, totalSteps: 1 })
  const { cutoffs, seed } = sampled
  const lines = { lists, cutoffs, graded: grades, seed }
  const report = reportSampled(lines, model, others, { samples: spec.bootstrapSamples, seed: spec.seed })
  return {
    metrics: report.metrics,
    comparisons: report.comparisons,
    summary: { sampledLists: summaryOf(drawn, grades, sampled, report.unmeasured) },
    described: {},
    write: (directory) => writeSampled(directory, { lists, ecpm: grades?.ecpm, systems: [model, ...others] }),
  }
}

const bids = { what: 'ads with bids, by which spec.sampledLists.graded grades candidates', field: 'ads' }
const addedBids = { what: 'ads with bids, which spec.sampledLists.addBids adds', field: 'ads' }
const ads = { what: 'ads, among which spec.sampledLists.among takes targets and candidates', field: 'ads' }
const clicks = { what: 'logged lists, whose clicks are the targets of spec.sampledLists', field: 'exposures' }

/** @throws JobError where there is none */
function needed<T>(table: T | undefined, { what, field }: { readonly what: string; readonly field: string }): T {
  if (table !== undefined) return table
  const message = `The Dataset has no ${what}; give spec.advertising.${field} of the Dataset, or change spec.sampledLists.`
  throw new JobError('NoMarket', message, { retryable: false })
}

function drawLists({ spec, sampled }: Payload, dataset: Dataset, market: Market | undefined): SampledLists {
  const { targets, negatives, listSize, lists, seed, among, addBids } = sampled
  if (addBids) needed(market, addedBids)
  const split = spec.split === 'Validation' ? 'validation' : 'test'
  const cases =
    targets === 'Click' ? clickCases(dataset, loggedIn(market), split) : nextItemCases(dataset, market, split)
  const mayStand = among === 'Ads' ? advertised(needed(market, ads), dataset.itemCount) : undefined
  const drawn = sampleLists(mayStand === undefined ? cases : cases.filter(({ target }) => mayStand[target] === 1), {
    ...{ listSize, lists, seed, market, addBids },
    negativesOf: negativesFrom(sampled, dataset, market, mayStand),
    skipsHistory: negatives !== 'Request',
  })
  if (drawn.lists.length > 0) return drawn
  const taken = targets === 'Click' ? 'click' : 'interaction'
  const what = mayStand === undefined ? `no ${taken}` : `no ${taken} of an ad`
  const message =
    drawn.skipped === 0
      ? `The ${split} part of the Dataset holds ${what}; change the split of the Dataset, spec.split, or spec.sampledLists.targets.`
      : `Nothing could be sampled to stand against any of ${drawn.skipped} targets; change spec.sampledLists.negatives.`
  throw new JobError('NoLists', message, { retryable: false })
}

function loggedIn(market: Market | undefined): Market {
  needed(market?.requests?.exposed, clicks)
  return needed(market, clicks)
}

/** @param mayStand by item; absent: any may */
function negativesFrom(
  { negatives }: SampledEvaluation,
  dataset: Dataset,
  market: Market | undefined,
  mayStand: Uint8Array | undefined,
): (sampled: SampledCase) => DrawNegatives {
  if (negatives === 'Request') {
    const logged = loggedIn(market)
    return ({ request }) => {
      const candidates = request === undefined ? new Uint32Array() : candidatesOf(logged, request)
      return negativesAmong(candidates.filter((item) => mayStand?.[item] !== 0))
    }
  }
  const weights = negatives === 'Uniform' ? new Uint32Array(dataset.itemCount).fill(1) : trainingCounts(dataset)
  const draw = weightedNegatives(weights.map((weight, item) => (mayStand?.[item] === 0 ? 0 : weight)))
  return () => draw
}

function candidatesOf(market: Market, request: number): Uint32Array {
  const ads = eligibleAds(market, request).ad.map((ad) => market.ads.item[ad])
  return Uint32Array.of(...ads, ...organicItems(market, request))
}

interface Task {
  readonly dataset: Dataset
  readonly lists: readonly SampledList[]
  readonly openModel: OpenModel
}

/** Scores of the model first, then of the champion, then of the baselines in the order of the spec. */
async function scoreAll(payload: Payload, context: ProcessorContext, task: Task): Promise<ScoredSystem[]> {
  const { spec, sampled } = payload
  const { dataset, lists, openModel } = task
  const totalSteps = lists.length * (modelsOf(payload).length + spec.baselines.length)
  const systems: ScoredSystem[] = []
  const score = async (scorer: CandidateScorer, name: string, phase: string): Promise<void> => {
    const before = systems.length * lists.length
    const scores: CandidateScores[] = []
    for (let start = 0; start < lists.length; start += batchSize) {
      scores.push(...(await scorer.score(lists.slice(start, start + batchSize))))
      await context.progress({ phase: `${phase} Lists`, step: before + scores.length, totalSteps })
    }
    systems.push({ name, scores })
  }
  await forEachModel(payload, context, { openModel, cutoff: sampled.listSize }, (model, { name, phase }) =>
    score(onItemsOf(dataset, model, name, sampled), name, phase),
  )
  const baselines = { PopRec: popularity, ItemCF: itemCf }
  for (const name of spec.baselines) await score(baselines[name](dataset, spec.seed), name, name)
  return systems
}

/** @throws JobError where the model cannot score given candidates */
function onItemsOf(
  dataset: Dataset,
  model: TrainedRecommender,
  name: string,
  { addBids }: SampledEvaluation,
): CandidateScorer {
  const { score } = model
  if (score === undefined) {
    const message = `The model ${model.name} cannot score given candidates: leave spec.sampledLists out, or name a model in spec.${name === '' ? 'model' : 'champion'} whose architecture can.`
    throw new JobError('CannotScoreCandidates', message, { retryable: false })
  }
  if (addBids && !model.addsBids) {
    const message = `The model ${model.name} is no OneRanker, whose scores have the scale that bids are added in: leave spec.sampledLists.addBids out, or name a OneRanker in spec.${name === '' ? 'model' : 'champion'}.`
    throw new JobError('CannotAddBids', message, { retryable: false })
  }
  const scorer = { score: (lists: Parameters<typeof score>[0]) => score(lists) }
  if (model.datasetDigest === dataset.digest) return scorer
  checkSharesItems(dataset, model, name)
  return translateScorer(scorer, model.itemIds, dataset.itemIds)
}

function summaryOf(
  { lists, skipped }: SampledLists,
  grades: Grades | undefined,
  { negatives }: SampledEvaluation,
  unmeasured: readonly string[],
): SampledSummary {
  const sizes = lists.map(({ candidates }) => candidates.length)
  return {
    lists: lists.length,
    skipped,
    listSize: longestOf(lists),
    meanListSize: sizes.reduce((sum, size) => sum + size, 0) / sizes.length,
    negatives,
    ...(grades && {
      judge: grades.judge,
      ungraded: grades.gains.filter((gains) => !isGraded(gradedList(gains))).length,
    }),
    unmeasured: [...unmeasured],
  }
}
