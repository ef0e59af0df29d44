/**
 * A marketplace over the interactions of a dataset: who advertises what and in which creatives, what is worth how much,
 * who comes when, what could have been shown and what was, and what users did with it. Everything comes from the seed.
 */
import { type AdvertisingStatus, advertisingFacts } from '../../../../crds/advertising.ts'
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { BadDataError } from '../../errors.ts'
import { requestParts } from '../market.ts'
import { affinityOf, type TruthTables, truthOf } from '../truth.ts'
import { affinityFactors } from './affinity.ts'
import { drawBudgets } from './budgets.ts'
import { drawCreatives, drawSponsored } from './catalogue.ts'
import { categoriesOf } from './categories.ts'
import { drawFeedback, type Feedback } from './feedback.ts'
import { calibratedIntercept, uncalibratedTruth } from './hidden-truth.ts'
import { recallOver } from './recall.ts'
import { type RequestLog, writeRequestLog } from './request-log.ts'
import { drawVisits, type Visits } from './requests.ts'
import { bidsOf, drawValues } from './values.ts'
import { writeCatalogue } from './write-catalogue.ts'
import { writeFeedback, writeTruth, writeVisits } from './write-market.ts'

export interface SimulateOptions {
  /** Where the files go. */
  readonly directory: string
  /** Called between pieces of work with the requests that are done; what it throws ends the work. */
  tick(done: number, total: number): Promise<void>
}

/** @throws BadDataError when no user would make a request */
export async function simulateMarket(
  dataset: Dataset,
  spec: MarketSimulation,
  { directory, tick }: SimulateOptions,
): Promise<AdvertisingStatus> {
  const visits = drawVisits(dataset, spec)
  if (visits.count === 0) throw noRequests()
  const categories = categoriesOf(dataset)
  const itemValues = drawValues(categories, spec)
  const sponsored = drawSponsored(categories, spec)
  const value = normalised(Float64Array.from(sponsored.items, (item) => itemValues.click[item]))
  const bids = bidsOf(value, spec)
  const creatives = drawCreatives(dataset, categories, spec)
  const factors = await affinityFactors(dataset, spec.seed, () => tick(0, visits.count))
  const affinity = affinityOf({ ...factors, parameters: factors })
  const recall = recallOver(dataset, sponsored, itemValues.conversion, spec)
  const log = await writeRequestLog({ dataset, visits, recall, adItems: sponsored.items, bids, affinity }, spec, {
    directory,
    tick: (done) => tick(done, visits.count),
  })
  const ingredients = {
    factors,
    categories,
    styles: creatives.style,
    conversionValues: itemValues.conversion,
    affinities: log.affinities,
  }
  const truth = calibrated(uncalibratedTruth(dataset, ingredients, spec), log, visits, spec.clicks.meanPercent / 100)
  const feedback = drawFeedback(truthOf(truth), log, visits, spec.seed)
  const advertiser = Uint32Array.from(sponsored.items, (item) => categories.advertiserOf[item])
  const traffic = { advertiser, value, eligible: log.eligible, spend: feedback.expectedSpend }
  const budgets = drawBudgets(categories.advertisers.length, traffic, spec)
  const ads = { item: sponsored.items, advertiser, bid: bids.fixed, value }
  await writeCatalogue(directory, { dataset, advertisers: categories.advertisers, budgets, ads, creatives })
  await writeVisits(directory, dataset, visits)
  await writeFeedback(directory, log, feedback)
  await writeTruth(directory, truth)
  return statusOf(
    { advertisers: categories.advertisers.length, ads: value.length, creatives: creatives.item.length },
    {
      visits,
      log,
      feedback,
      hasBudgets: budgets !== undefined,
    },
  )
}

function noRequests(): BadDataError {
  return new BadDataError(
    'NoRequests',
    'No user has a part for validation or test, nor two training interactions, so the simulated market would be without ' +
      'requests. Give spec.interactions longer sequences, or raise spec.advertising.simulation.requestsPerUser.',
  )
}

function normalised(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.map((value) => value / mean)
}

function calibrated(tables: TruthTables, log: RequestLog, visits: Visits, mean: number): TruthTables {
  const lists = { ...log, count: visits.count, user: (visit: number) => visits.user[visit] }
  return { ...tables, parameters: { ...tables.parameters, intercept: calibratedIntercept(tables, lists, mean) } }
}

interface Drawn {
  visits: Visits
  log: RequestLog
  feedback: Feedback
  hasBudgets: boolean
}

function statusOf(
  counts: Pick<AdvertisingStatus, 'advertisers' | 'ads' | 'creatives'>,
  { visits, log, feedback, hasBudgets }: Drawn,
): AdvertisingStatus {
  const inPart = (part: number): number => visits.part.filter((other) => other === part).length
  const sum = (flags: Uint8Array): number => flags.reduce((total, flag) => total + flag, 0)
  return {
    origin: 'Simulation',
    ...counts,
    requests: visits.count,
    trainingRequests: inPart(requestParts.train),
    validationRequests: inPart(requestParts.validation),
    testRequests: inPart(requestParts.test),
    unknownUsers: 0,
    exposures: log.item.length,
    clicks: sum(feedback.click),
    creativeClicks: sum(feedback.creativeClick),
    conversions: sum(feedback.conversion),
    has: advertisingFacts.filter((fact) => fact !== 'Budgets' || hasBudgets),
  }
}
