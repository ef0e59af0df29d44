/** A text file as numbered lines: the ground of JSON Lines and sequence lines. */
import type { Database } from '../duckdb.ts'
import { literal } from '../duckdb.ts'
import type { SourceFile } from '../source-files.ts'
import { takeRejects } from './rejects.ts'
import { type LocatedRows, summary } from './row-source.ts'

/** Longer lines are bad rows: they could fill the memory alone. */
export const MAX_LINE_BYTES = 2_000_000

/** DuckDB's own default of 16 lines would be held once per thread. */
export const BUFFER_BYTES = 4 * MAX_LINE_BYTES

/**
 * SQL: a relation with row_number and line. DuckDB's JSON reader loses the place of bad lines, so every line is read
 * as the one column of a CSV file whose delimiter (unit separator) no valid JSON holds; blank lines count, as NULL.
 */
export function linesRelation(file: SourceFile): string {
  const options = [
    "columns = {'line': 'VARCHAR'}",
    "delim = '\x1F'",
    "quote = ''",
    "escape = ''",
    'header = false',
    'auto_detect = false',
    'strict_mode = false',
    'store_rejects = true',
    `max_line_size = ${MAX_LINE_BYTES}`,
    `buffer_size = ${BUFFER_BYTES}`,
  ]
  return `(SELECT row_number() OVER () AS row_number, line FROM read_csv(${literal(file.path)}, ${options.join(', ')}))`
}

/** Lines that are no UTF-8 or too long have no row number, so those after them move up by one each. */
export async function locateLines(
  database: Database,
  file: SourceFile,
  rowNumbers: readonly number[],
): Promise<LocatedRows> {
  const rejects = await takeRejects(database, 1_000_000)
  let passed = 0
  const lines = rowNumbers.map((rowNumber) => {
    while (passed < rejects.first.length && rejects.first[passed].line <= rowNumber + passed) passed++
    return rowNumber + passed
  })
  return {
    lines,
    rejectedCount: rejects.count,
    rejected: rejects.first
      .slice(0, 20)
      .map(({ line, reason }) => ({ file: file.name, line, reason: summary(reason) })),
  }
}
