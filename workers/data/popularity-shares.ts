/** A small picture of what is popular, by which revisions of a Dataset are compared. */
import { GIVEN_ORDER } from './arrange.ts'
import { type Database, toNumber } from './duckdb.ts'
import { type SplitTimes, trainingLength } from './split.ts'

export const popularityBuckets = 64

/**
 * Share of the recent training interactions by hash bucket of the item id. Recent is the last fifth: by time, ties with
 * its first included, or in data without times the last fifth of each user's training part. Hash buckets keep their
 * meaning when items come and go.
 * @returns popularityBuckets numbers that sum to 1; all 0 when the training part is empty
 */
export async function popularityShares(
  database: Database,
  { hasTimes, splitTimes }: { hasTimes: boolean; splitTimes: SplitTimes | undefined },
): Promise<number[]> {
  const isTraining =
    splitTimes === undefined ? 'place <= training_length' : `time_ms < ${Math.round(splitTimes.validationStart)}`
  const isRecent = hasTimes
    ? `time_ms >= (SELECT time_ms FROM training ORDER BY time_ms LIMIT 1 OFFSET
         (SELECT count(*) * 4 // 5 FROM training))`
    : 'place > (training_length * 4) // 5'
  const rows = await database.rows(
    `WITH placed AS (SELECT item_id, time_ms,
       row_number() OVER (PARTITION BY user_id ORDER BY time_ms, ${GIVEN_ORDER}) AS place,
       count(*) OVER (PARTITION BY user_id) AS length FROM events),
     training AS MATERIALIZED (SELECT * FROM (SELECT *, ${trainingLength('length')} AS training_length FROM placed)
       WHERE ${isTraining})
     SELECT md5_number_lower(item_id) % ${popularityBuckets} AS bucket, count(*) AS count FROM training
       WHERE ${isRecent} GROUP BY bucket`,
  )
  const counts = new Array<number>(popularityBuckets).fill(0)
  for (const { bucket, count } of rows) counts[toNumber(bucket)] = toNumber(count)
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => (total === 0 ? 0 : count / total))
}
