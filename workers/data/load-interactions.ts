/** Interaction logs of any format into one table, bad rows aside. */
import type { BadRowLog } from './bad-rows.ts'
import type { InteractionsSpec } from './dataset-spec.ts'
import { type Database, literal, toNumber } from './duckdb.ts'
import { BadDataError } from './errors.ts'
import { openTable } from './readers/open-table.ts'
import { type LocatedRows, namingFile, requireColumn } from './readers/row-source.ts'
import { locateSequences, sequencesRelation } from './readers/sequence-lines.ts'
import type { SourceFile } from './source-files.ts'

export const MAX_ID_LENGTH = 256

/** file_index, row_number, position: the order in which events were given. time_ms is NULL in data without times. */
export const CREATE_INTERACTION_ROWS =
  'CREATE TABLE interaction_rows (file_index UINTEGER, row_number BIGINT, position BIGINT, ' +
  'user_id VARCHAR, item_id VARCHAR, time_ms DOUBLE, reason VARCHAR)'

/** @throws BadDataError */
export async function loadInteractions(
  database: Database,
  spec: InteractionsSpec,
  files: readonly SourceFile[],
  badRows: BadRowLog,
): Promise<void> {
  await database.run(CREATE_INTERACTION_ROWS)
  for (const [index, file] of files.entries()) {
    // An empty file has no header and no columns; an empty Parquet file cannot exist.
    if (file.size === 0 && spec.format !== 'Parquet') continue
    await namingFile(file, async () => {
      const locate =
        spec.format === 'SequenceLines'
          ? await loadSequences(database, spec, file, index)
          : await loadTable(database, spec, file, index)
      await reportBadRows(database, 'interaction_rows', { file, index, locate }, badRows)
    })
  }
}

type Locate = (rowNumbers: readonly number[], wanted: number) => Promise<LocatedRows>

async function loadSequences(
  database: Database,
  spec: InteractionsSpec,
  file: SourceFile,
  index: number,
): Promise<Locate> {
  await database.run(
    `INSERT INTO interaction_rows SELECT ${index}, row_number, position, user_id, item_id, NULL, reason ` +
      `FROM ${sequencesRelation(file, MAX_ID_LENGTH, spec.delimiter)}`,
  )
  return (rowNumbers) => locateSequences(database, file, rowNumbers)
}

async function loadTable(database: Database, spec: InteractionsSpec, file: SourceFile, index: number): Promise<Locate> {
  const { columns } = spec
  if (columns === undefined || spec.format === 'SequenceLines') {
    throw new BadDataError('InvalidSpec', `spec.interactions.columns is needed with format ${spec.format}`)
  }
  const source = await openTable(database, spec.format, file, spec.delimiter)
  requireColumn(source, file, columns.user, 'spec.interactions.columns.user')
  requireColumn(source, file, columns.item, 'spec.interactions.columns.item')
  if (columns.time !== undefined) requireColumn(source, file, columns.time, 'spec.interactions.columns.time')
  const time = columns.time === undefined ? 'CAST(NULL AS DOUBLE)' : source.time(columns.time)
  const timeReason =
    columns.time === undefined
      ? ''
      : ` WHEN time_ms IS NULL THEN ${literal(`column ${JSON.stringify(columns.time)} holds no time (RFC 3339, or a number since 1970)`)}`
  await database.run(
    `INSERT INTO interaction_rows SELECT ${index}, row_number, 0, user_id, item_id, time_ms, ` +
      `coalesce(malformed, ${idReason('user_id', columns.user)}, ${idReason('item_id', columns.item)}, CASE WHEN false THEN NULL${timeReason} END) ` +
      `FROM (SELECT row_number, ${source.malformed} AS malformed, ${source.text(columns.user)} AS user_id, ` +
      `${source.text(columns.item)} AS item_id, ${time} AS time_ms FROM ${source.relation} WHERE NOT ${source.blank})`,
  )
  return source.locate
}

/** SQL: why an id cannot stand, or NULL. */
export function idReason(expression: string, column: string): string {
  const missing = literal(`column ${JSON.stringify(column)} holds no text or number`)
  const long = literal(`column ${JSON.stringify(column)} holds more than ${MAX_ID_LENGTH} characters`)
  return (
    `CASE WHEN ${expression} IS NULL OR ${expression} = '' THEN ${missing} ` +
    `WHEN length(${expression}) > ${MAX_ID_LENGTH} THEN ${long} END`
  )
}

/** Hands the bad rows of a file that has just been loaded to the log, each with its line. */
export async function reportBadRows(
  database: Database,
  table: string,
  loaded: { file: SourceFile; index: number; locate: Locate },
  badRows: BadRowLog,
): Promise<void> {
  const { file, index, locate } = loaded
  const where = `FROM ${table} WHERE file_index = ${index} AND reason IS NOT NULL`
  const [{ count }] = await database.rows(`SELECT count(*) AS count ${where}`)
  const rows = await database.rows(
    `SELECT row_number, reason ${where} ORDER BY row_number LIMIT ${Math.max(1, badRows.wanted)}`,
  )
  const located = await locate(
    rows.map((row) => toNumber(row.row_number)),
    Math.max(1, badRows.wanted),
  )
  const known = rows.map((row, position) => ({
    file: file.name,
    line: located.lines[position],
    reason: String(row.reason),
  }))
  badRows.add(toNumber(count) + located.rejectedCount, [...known, ...located.rejected])
}
