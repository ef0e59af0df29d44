/** The advertising tables of a spec into the files of a Dataset artifact. */
import type { Advertising, AdvertisingStatus } from '../../../../crds/advertising.ts'
import type { BadRowLog } from '../../bad-rows.ts'
import { type Database, type Row, toNumber } from '../../duckdb.ts'
import type { SourceFiles } from '../../source-files.ts'
import type { SplitTimes } from '../../split.ts'
import { requestParts } from '../market.ts'
import { exportTables } from './export-tables.ts'
import { loadTables } from './load-tables.ts'
import { numberMarket } from './number-market.ts'
import { goodRows } from './schema.ts'

export interface TableOptions {
  readonly spec: Advertising
  readonly files: SourceFiles
  readonly badRows: BadRowLog
  /** Of the order in which advertisers, ads and creatives are numbered. */
  readonly seed: number
  /** Undefined: leave one out. */
  readonly splitTimes: SplitTimes | undefined
}

/** Needs the tables of an arranged Dataset. @throws BadDataError */
export async function ingestTables(
  database: Database,
  directory: string,
  { spec, files, badRows, seed, splitTimes }: TableOptions,
): Promise<AdvertisingStatus> {
  await loadTables(database, spec, files, badRows)
  await numberMarket(database, seed, splitTimes)
  await exportTables(database, directory, spec)
  return statusOf(database, spec)
}

async function statusOf(database: Database, spec: Advertising): Promise<AdvertisingStatus> {
  const one = async (select: string): Promise<Row> => (await database.rows(`SELECT ${select}`))[0]
  const { train, validation, test } = requestParts
  const exposures = await one(
    'count(*) AS exposures, count(*) FILTER (click) AS clicks, count(*) FILTER (creativeClick) AS creativeClicks, ' +
      `count(*) FILTER (conversion) AS conversions, count(creative) AS creatives FROM ${goodRows('exposures')}`,
  )
  const requests = await one(
    `count(*) AS requests, count(*) FILTER (part = ${train}) AS training, count(*) FILTER (part = ${validation}) AS ` +
      `validation, count(*) FILTER (part = ${test}) AS test, count(*) FILTER (user_index IS NULL) AS unknown FROM market_requests`,
  )
  const catalogue = await one(
    '(SELECT count(*) FROM market_advertisers) AS advertisers, (SELECT count(budget) FROM market_advertisers) AS budgets, ' +
      '(SELECT count(*) FROM market_creatives) AS creatives, (SELECT count(*) FROM market_ads) AS ads, ' +
      '(SELECT count(bid) FROM market_ads) AS bids, (SELECT count(value) FROM market_ads) AS values',
  )
  const { ads } = catalogue
  const shown = spec.exposures?.columns
  const told: [AdvertisingStatus['has'][number], boolean][] = [
    ['Bids', spec.requests?.columns.bids !== undefined || catalogue.bids === ads],
    ['Values', catalogue.values === ads],
    ['Budgets', toNumber(catalogue.budgets) > 0],
    ['Creatives', toNumber(catalogue.creatives) > 0],
    ['Requests', toNumber(requests.requests) > 0],
    ['EligibleAds', spec.requests?.columns.ads !== undefined],
    ['OrganicLists', spec.requests?.columns.organic !== undefined],
    ['Exposures', toNumber(exposures.exposures) > 0],
    ['ExposedCreatives', toNumber(exposures.creatives) > 0],
    ['CreativeClicks', shown?.creativeClick !== undefined],
    ['Conversions', shown?.conversion !== undefined],
    ['ConversionValues', shown?.conversionValue !== undefined],
    ['Propensities', shown?.propensity !== undefined],
  ]
  return {
    origin: 'Tables',
    advertisers: toNumber(catalogue.advertisers),
    ads: toNumber(ads),
    creatives: toNumber(catalogue.creatives),
    requests: toNumber(requests.requests),
    trainingRequests: toNumber(requests.training),
    validationRequests: toNumber(requests.validation),
    testRequests: toNumber(requests.test),
    unknownUsers: toNumber(requests.unknown),
    exposures: toNumber(exposures.exposures),
    clicks: toNumber(exposures.clicks),
    creativeClicks: toNumber(exposures.creativeClicks),
    conversions: toNumber(exposures.conversions),
    has: told.filter(([, isTold]) => isTold).map(([name]) => name),
    ...(spec.exposures?.lists === 'Entries' && { lists: 'Entries' }),
  }
}
