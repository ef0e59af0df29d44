/** What DuckDB's CSV reader left out of the file that it read last. */
import type { Database } from '../duckdb.ts'
import { toNumber } from '../duckdb.ts'

export interface Reject {
  /** Record number as DuckDB counts: blank lines included, line breaks inside quotes not. */
  line: number
  /** Byte at which the record starts, from 0. */
  start: number
  reason: string
}

/** Rejects of the last scan, in file order, one per record. Reading them clears them. */
export async function takeRejects(database: Database, limit: number): Promise<{ count: number; first: Reject[] }> {
  if ((await database.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'")).length === 0) {
    return { count: 0, first: [] }
  }
  const [{ count }] = await database.rows('SELECT count(DISTINCT line_byte_position) AS count FROM reject_errors')
  const rows = await database.rows(
    'SELECT line_byte_position AS start, min(line) AS line, any_value(error_message ORDER BY byte_position) AS reason ' +
      `FROM reject_errors GROUP BY line_byte_position ORDER BY line_byte_position LIMIT ${limit}`,
  )
  await database.run('DELETE FROM reject_errors')
  await database.run('DELETE FROM reject_scans')
  const first = rows.map((row) => ({
    line: toNumber(row.line),
    start: toNumber(row.start) - 1,
    reason: String(row.reason),
  }))
  return { count: toNumber(count), first }
}
