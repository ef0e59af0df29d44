/** How a reader shows the rows of one file to SQL, whatever the format. */
import { BadDataError, type BadRow } from '../errors.ts'
import type { SourceFile } from '../source-files.ts'

export interface RowSource {
  /** A relation with the column `row_number` (from 1, in file order) and whatever the expressions below need. */
  relation: string
  /** The columns that the file has, as far as can be told. */
  columns: readonly string[]
  /** SQL: true for rows without contents, which are passed over. */
  blank: string
  /** SQL: why a row cannot be read at all, or NULL. */
  malformed: string
  /** SQL: a column's value as text; NULL where it is absent or neither text nor number. */
  text(column: string): string
  /** SQL: a column's value as JSON; NULL where it is absent. */
  json(column: string): string
  /** SQL: a column's value as a list of FLOAT; NULL where it is none. */
  floats(column: string): string
  /** SQL: a column's time in milliseconds since 1970 as DOUBLE; NULL where it is none. */
  time(column: string): string
  /**
   * Called after the relation has been read: rows that the reader itself left out, and the lines of others.
   * @param rowNumbers ascending
   */
  locate(rowNumbers: readonly number[], wanted: number): Promise<LocatedRows>
}

export interface LocatedRows {
  /** Line of each given row number. */
  lines: number[]
  rejectedCount: number
  /** The first of the rejected ones. */
  rejected: BadRow[]
}

/** @throws BadDataError that names the file, what it has, and the field of the spec to change */
export function requireColumn(source: RowSource, file: SourceFile, column: string, field: string): void {
  // A file without one readable row tells nothing about columns; its rows are reported one by one.
  if (source.columns.length === 0 || source.columns.includes(column)) return
  const known = source.columns.slice(0, 50).map((name) => JSON.stringify(name))
  throw new BadDataError(
    'ColumnNotFound',
    `${file.name} has no column ${JSON.stringify(column)}; it has ${known.join(', ')}. Change ${field}.`,
  )
}

/**
 * DuckDB gives up on a file as a whole where its structure breaks (a damaged Parquet file, mixed line ends in CSV).
 * Its error then names the file as the spec does, and tells that another try will not help. Errors of memory, disk and
 * cancellation pass.
 */
export async function namingFile(file: SourceFile, load: () => Promise<void>): Promise<void> {
  try {
    await load()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : ''
    if (!/^(Invalid Input|Invalid|Conversion|Serialization) Error/.test(message)) throw cause
    throw new BadDataError('SourceUnreadable', `${file.name} cannot be read: ${summary(message)} Correct the file.`, {
      cause,
    })
  }
}

/** The first line of DuckDB's messages; its options and advice follow on others. */
export function summary(message: string): string {
  return message.split('\n', 1)[0]
}

/**
 * SQL: a time in milliseconds since 1970 from text or a number. Numbers are seconds, milliseconds, microseconds or
 * nanoseconds by their size: each unit's range holds the years 1973 to 5138, and plain counters pass as seconds.
 */
export function timeFromText(text: string): string {
  const number = `TRY_CAST(${text} AS DOUBLE)`
  const scaled =
    `CASE WHEN NOT isfinite(${number}) THEN NULL WHEN abs(${number}) < 1e11 THEN ${number} * 1000 ` +
    `WHEN abs(${number}) < 1e14 THEN ${number} WHEN abs(${number}) < 1e17 THEN ${number} / 1000 ` +
    `ELSE ${number} / 1000000 END`
  return `CASE WHEN ${number} IS NOT NULL THEN ${scaled} ELSE ${timeFromTimestamp(`TRY_CAST(${text} AS TIMESTAMPTZ)`)} END`
}

/** SQL: a timestamp in milliseconds; NULL for the infinite ones. */
export function timeFromTimestamp(timestamp: string): string {
  return `CASE WHEN isfinite(${timestamp}) THEN epoch_us(${timestamp}) / 1000 END`
}
