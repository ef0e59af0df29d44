/** From rows with ids to numbered advertisers, ads, creatives and requests. */
import { seededIndex } from '../../arrange.ts'
import type { Database } from '../../duckdb.ts'
import { type SplitTimes, trainingLength, validationLength } from '../../split.ts'
import { requestParts } from '../market.ts'
import { goodRows } from './schema.ts'

/**
 * Makes the tables `market_advertisers`, `market_ads`, `market_creatives` (those of an item next to each other) and
 * `market_requests` (by time, else as given), each with `number`, and indices of the Dataset instead of ids. What has no
 * order of its own is numbered by a seeded hash, as items are.
 */
export async function numberMarket(
  database: Database,
  seed: number,
  splitTimes: SplitTimes | undefined,
): Promise<void> {
  await database.run(
    `CREATE TABLE market_advertisers AS SELECT ${seededIndex('id', 'advertiser', seed)} AS number, id, budget FROM ` +
      `(SELECT id FROM ${goodRows('advertisers')} UNION SELECT advertiser FROM ${goodRows('ads')}) ` +
      `LEFT JOIN (SELECT id, budget FROM ${goodRows('advertisers')}) USING (id)`,
  )
  await database.run(
    `CREATE TABLE market_ads AS SELECT ${seededIndex('a.id', 'ad', seed)} AS number, a.id, i.item_index, ` +
      `m.number AS advertiser, a.bid, a.value FROM ${goodRows('ads')} a ` +
      'JOIN items i ON i.item_id = a.item JOIN market_advertisers m ON m.id = a.advertiser',
  )
  await database.run(
    'CREATE TABLE market_creatives AS SELECT CAST(row_number() OVER (ORDER BY item_index, place) - 1 AS UINTEGER) AS number, ' +
      `id, item_index, text, embedding FROM (SELECT ${seededIndex('c.id', 'creative', seed)} AS place, c.*, i.item_index ` +
      `FROM ${goodRows('creatives')} c JOIN items i ON i.item_id = c.item)`,
  )
  await numberRequests(database, seed, splitTimes)
}

/** Requests whose user or time nobody knows: so many of ten for the test, and as many for validation. */
const HELD_OUT_TENTHS = 1

/**
 * A request with a time lies after the events of its user before that time, and in the part of the event that comes
 * next; in a temporal split its own time decides. One without a time, or in a Dataset without times: the last request
 * of a user is for the test, the one before for validation (fewer than three: training), and its history is all that
 * comes before the events of its part, for training the whole training part. One of nobody that is known: a seeded hash
 * of its id decides.
 */
async function numberRequests(database: Database, seed: number, splitTimes: SplitTimes | undefined): Promise<void> {
  const { train, validation, test } = requestParts
  const cuts = splitTimes
    ? `count(*) FILTER (time_ms < ${splitTimes.validationStart}) AS train_end, ` +
      `count(*) FILTER (time_ms < ${splitTimes.testStart}) AS validation_end`
    : `${trainingLength('count(*)')} AS train_end, ${validationLength('count(*)')} AS validation_end`
  await database.run(
    'CREATE TABLE request_places AS WITH ' +
      `cuts AS (SELECT user_id, count(time_ms) > 0 AS has_times, ${cuts} FROM events GROUP BY user_id), ` +
      'numbered AS (SELECT CAST(row_number() OVER (ORDER BY time, file_index, row_number) - 1 AS UINTEGER) AS number, * ' +
      `FROM ${goodRows('requests')}), ` +
      'placed AS (SELECT n.*, c.user_id, c.has_times AND n.time IS NOT NULL AS is_timed, c.train_end, c.validation_end, ' +
      '(SELECT count(*) FROM events e WHERE e.user_id = n."user" AND e.time_ms < n.time) AS before, ' +
      'row_number() OVER (PARTITION BY c.user_id ORDER BY n.number DESC) AS from_last, ' +
      'count(*) OVER (PARTITION BY c.user_id) AS requests_of_user, ' +
      `CAST(md5_number_lower(concat('part:${seed}:', n.id)) % 10 AS INTEGER) AS tenth ` +
      'FROM numbered n LEFT JOIN cuts c ON c.user_id = n."user") ' +
      `SELECT *, ${partOf(splitTimes)} AS part FROM placed`,
  )
  const untimed = `CASE part WHEN ${test} THEN validation_end WHEN ${validation} THEN train_end ELSE train_end END`
  await database.run(
    'CREATE TABLE market_requests AS SELECT number, id, time, part, organic, ads, bids, u.user_index, ' +
      `CAST(CASE WHEN p.user_id IS NULL THEN 0 WHEN is_timed THEN before ELSE ${untimed} END AS UINTEGER) AS history_end ` +
      'FROM request_places p LEFT JOIN users u USING (user_id)',
  )
  await database.run('DROP TABLE request_places')

  function partOf(times: SplitTimes | undefined): string {
    const byTime = times
      ? `WHEN time IS NOT NULL THEN CASE WHEN time < ${times.validationStart} THEN ${train} ` +
        `WHEN time < ${times.testStart} THEN ${validation} ELSE ${test} END `
      : ''
    return (
      `CASE ${byTime}` +
      `WHEN user_id IS NULL THEN CASE WHEN tenth < ${HELD_OUT_TENTHS} THEN ${test} ` +
      `WHEN tenth < ${2 * HELD_OUT_TENTHS} THEN ${validation} ELSE ${train} END ` +
      `WHEN is_timed THEN CASE WHEN before < train_end THEN ${train} WHEN before < validation_end THEN ${validation} ` +
      `ELSE ${test} END ` +
      `WHEN requests_of_user < 3 THEN ${train} ` +
      `ELSE CASE from_last WHEN 1 THEN ${test} WHEN 2 THEN ${validation} ELSE ${train} END END`
    )
  }
}
