/** The advertising tables into SQL tables, bad rows aside. */
import { type Advertising, type AdvertisingTable, advertisingTables } from '../../../../crds/advertising.ts'
import type { BadRowLog } from '../../bad-rows.ts'
import { type Database, toNumber } from '../../duckdb.ts'
import { BadDataError } from '../../errors.ts'
import { reportBadRows } from '../../load-interactions.ts'
import { openTable } from '../../readers/open-table.ts'
import { namingFile, type RowSource, requireColumn } from '../../readers/row-source.ts'
import type { SourceFile, SourceFiles } from '../../source-files.ts'
import { definitionOf, reasonOf, selectionOf } from './columns.ts'
import { rowsOf, tableChecks, tableColumns } from './schema.ts'
import { dropBrokenLists } from './whole-lists.ts'

export type TableColumns = Record<string, string | undefined>

/**
 * Makes the tables `advertisers_rows` to `exposures_rows`, all of them, each with file_index, row_number, its columns and
 * the reason of bad rows. Needs the tables `items` and `users` of the Dataset.
 * @throws BadDataError
 */
export async function loadTables(
  database: Database,
  spec: Advertising,
  files: SourceFiles,
  badRows: BadRowLog,
): Promise<void> {
  for (const table of advertisingTables) {
    const definitions = tableColumns[table].map(definitionOf).join(', ')
    await database.run(
      `CREATE TABLE ${rowsOf(table)} (file_index UINTEGER, row_number BIGINT, ${definitions}, reason VARCHAR)`,
    )
    for (const [index, file] of (files.advertising?.[table] ?? []).entries()) {
      if (file.size === 0 && spec[table]?.format !== 'Parquet') continue
      await namingFile(file, () => loadFile(database, { spec, table, file, index, badRows }))
    }
  }
  if (spec.exposures && spec.exposures.lists !== 'Entries')
    await dropBrokenLists(database, spec.exposures, files.advertising?.exposures ?? [], badRows)
  await checkDimensions(database)
}

interface Loading {
  spec: Advertising
  table: AdvertisingTable
  file: SourceFile
  index: number
  badRows: BadRowLog
}

async function loadFile(database: Database, { spec, table, file, index, badRows }: Loading): Promise<void> {
  const read = spec[table]
  if (read === undefined) return
  const columns: TableColumns = read.columns
  const source = await openTable(database, read.format, file, read.delimiter)
  for (const [name, column] of Object.entries(columns)) {
    if (column !== undefined) requireColumn(source, file, column, `spec.advertising.${table}.columns.${name}`)
  }
  await database.run(insertion(source, table, columns, index))
  // Before the bad rows are told: their lines are known only until the next file is read.
  for (const { reason, of } of tableChecks[table]) {
    const rows = `(SELECT * FROM ${rowsOf(table)} WHERE file_index = ${index} AND reason IS NULL)`
    await database.run(
      `UPDATE ${rowsOf(table)} SET reason = ${reason} FROM ${of(rows)} found_bad ` +
        `WHERE ${rowsOf(table)}.file_index = ${index} AND ${rowsOf(table)}.row_number = found_bad.row_number`,
    )
  }
  await reportBadRows(database, rowsOf(table), { file, index, locate: source.locate }, badRows)
}

function insertion(source: RowSource, table: AdvertisingTable, columns: TableColumns, index: number): string {
  const all = tableColumns[table]
  const names = all.map(({ name }) => `"${name}"`).join(', ')
  const selections = all.map((column) => selectionOf(column, source, columns[column.name])).join(', ')
  const reasons = all.map((column) => reasonOf(column, columns[column.name])).join(', ')
  return (
    `INSERT INTO ${rowsOf(table)} SELECT ${index}, row_number, ${names}, coalesce(malformed, ${reasons}) ` +
    `FROM (SELECT row_number, ${source.malformed} AS malformed, ${selections} ` +
    `FROM ${source.relation} WHERE NOT ${source.blank})`
  )
}

async function checkDimensions(database: Database): Promise<void> {
  const rows = await database.rows(
    `SELECT len(embedding) AS dimension, count(*) AS count FROM ${rowsOf('creatives')} ` +
      'WHERE reason IS NULL AND embedding IS NOT NULL GROUP BY 1 ORDER BY 1',
  )
  if (rows.length <= 1) return
  const found = rows.slice(0, 5).map((row) => `${toNumber(row.count)} creatives have ${toNumber(row.dimension)}`)
  throw new BadDataError(
    'BadRows',
    `Embeddings must be equally long: ${found.join(', ')}. Correct the column, or change spec.advertising.creatives.columns.embedding.`,
  )
}
