/** From rows as they were given to numbered users and items and ordered events. */
import type { DatasetSpec } from './dataset-spec.ts'
import { type Database, literal, toNumber } from './duckdb.ts'
import { BadDataError } from './errors.ts'

export interface Arrangement {
  interactions: number
  users: number
  items: number
  /** Rows equal in user, item and time to an earlier one; only in data with times. */
  duplicateInteractions: number
  /** Catalogue rows whose id had appeared before. */
  duplicateItems: number
  /** Users left out by minInteractionsPerUser. */
  droppedUsers: number
  /** Items of the interactions that the catalogue lacks. */
  itemsOutsideCatalogue: number
  hasTimes: boolean
  /** 0 without embeddings. */
  embeddingDimension: number
}

/** Positions are stored as 32-bit numbers. */
const MAX_EVENTS = 2 ** 32 - 1

/** SQL: the order in which rows were given. */
export const GIVEN_ORDER = 'file_index, row_number, position'

/**
 * Makes the tables `events` (user_id, item_id, time_ms and the order given), `users` (user_index, user_id) and `items`
 * (item_index, item_id, text, attributes, embedding) from `interaction_rows` and `item_rows`.
 *
 * Users and items are numbered by a seeded hash of their id: numbers given by first appearance, or sorted ids, would
 * tell a model which items come later (datasets in the field leak that way).
 * @throws BadDataError when nothing is left
 */
export async function arrange(database: Database, spec: DatasetSpec): Promise<Arrangement> {
  const count = async (from: string): Promise<number> => {
    const [row] = await database.rows(`SELECT count(*) AS count FROM ${from}`)
    return toNumber(row.count)
  }
  const readable = await count('interaction_rows WHERE reason IS NULL')
  const hasTimes = (await count('interaction_rows WHERE reason IS NULL AND time_ms IS NOT NULL')) > 0
  await database.run(
    `CREATE TABLE distinct_rows AS SELECT * EXCLUDE (reason) FROM interaction_rows ${distinct(hasTimes)}`,
  )
  await database.run('DROP TABLE interaction_rows')
  const kept = await count('distinct_rows')
  const allUsers = await count('(SELECT DISTINCT user_id FROM distinct_rows)')
  await keepEvents(database, spec)
  await numberUsers(database, spec.seed ?? 0)
  const duplicateItems = await numberItems(database, spec.seed ?? 0)
  const [{ dimension }] = await database.rows('SELECT coalesce(max(len(embedding)), 0) AS dimension FROM items')
  const users = await count('users')
  const arrangement: Arrangement = {
    interactions: await count('events'),
    users,
    items: await count('items'),
    duplicateInteractions: readable - kept,
    duplicateItems,
    droppedUsers: allUsers - users,
    itemsOutsideCatalogue: await count('items WHERE text IS NULL'),
    hasTimes,
    embeddingDimension: toNumber(dimension),
  }
  checkSize(arrangement, spec)
  return arrangement
}

/** In data with times, the same user, item and time is one event written twice; without, a repeat is behaviour. */
function distinct(hasTimes: boolean): string {
  return hasTimes
    ? 'WHERE reason IS NULL QUALIFY row_number() OVER ' +
        `(PARTITION BY user_id, item_id, time_ms ORDER BY ${GIVEN_ORDER}) = 1`
    : 'WHERE reason IS NULL'
}

async function keepEvents(database: Database, spec: DatasetSpec): Promise<void> {
  const least = spec.minInteractionsPerUser ?? 1
  const active = `user_id IN (SELECT user_id FROM distinct_rows GROUP BY user_id HAVING count(*) >= ${least})`
  const newestFirst = 'time_ms DESC, file_index DESC, row_number DESC, position DESC'
  const newest =
    spec.maxHistoryLength === undefined
      ? ''
      : ` QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY ${newestFirst}) <= ${spec.maxHistoryLength}`
  await database.run(`CREATE TABLE events AS SELECT * FROM distinct_rows WHERE ${active}${newest}`)
  await database.run('DROP TABLE distinct_rows')
}

/** SQL: the number that a seeded order gives to each row. The id itself decides between equal hashes. */
export function seededIndex(column: string, role: string, seed: number): string {
  const hash = `md5_number_lower(concat(${literal(`${role}:${seed}:`)}, ${column}))`
  return `CAST(row_number() OVER (ORDER BY ${hash}, ${column}) - 1 AS UINTEGER)`
}

async function numberUsers(database: Database, seed: number): Promise<void> {
  await database.run(
    `CREATE TABLE users AS SELECT ${seededIndex('user_id', 'user', seed)} AS user_index, user_id ` +
      'FROM (SELECT DISTINCT user_id FROM events)',
  )
}

/** The catalogue and whatever else was interacted with. Returns how many catalogue rows repeated an id. */
async function numberItems(database: Database, seed: number): Promise<number> {
  await database.run(
    'CREATE TABLE catalogue AS SELECT item_id, text, attributes, embedding FROM item_rows WHERE reason IS NULL ' +
      'QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY file_index, row_number) = 1',
  )
  const [{ repeated }] = await database.rows(
    'SELECT (SELECT count(*) FROM item_rows WHERE reason IS NULL) - (SELECT count(*) FROM catalogue) AS repeated',
  )
  await database.run('DROP TABLE item_rows')
  await database.run(
    `CREATE TABLE items AS SELECT ${seededIndex('item_id', 'item', seed)} AS item_index, item_id, text, attributes, ` +
      'embedding FROM (SELECT item_id FROM catalogue UNION SELECT item_id FROM events) LEFT JOIN catalogue USING (item_id)',
  )
  await database.run('DROP TABLE catalogue')
  return toNumber(repeated)
}

function checkSize({ interactions, droppedUsers }: Arrangement, spec: DatasetSpec): void {
  if (interactions === 0) {
    const why =
      droppedUsers > 0
        ? `all ${droppedUsers} users have fewer than spec.minInteractionsPerUser = ${spec.minInteractionsPerUser} of them`
        : 'the files of spec.interactions.path hold none'
    throw new BadDataError('NoInteractions', `No interactions are left: ${why}.`)
  }
  if (interactions > MAX_EVENTS) {
    throw new BadDataError(
      'TooLarge',
      `${interactions} interactions are more than the ${MAX_EVENTS} that one Dataset can hold. Set spec.maxHistoryLength, or read fewer files.`,
    )
  }
}

/** SQL: events as numbers, each user's in order; columns user_index, item_index, time_ms. */
export const ORDERED_EVENTS =
  'SELECT user_index, item_index, time_ms FROM events JOIN users USING (user_id) JOIN items USING (item_id) ' +
  `ORDER BY user_index, time_ms, ${GIVEN_ORDER}`
