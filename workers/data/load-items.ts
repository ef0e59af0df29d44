/** The item catalogue into one table, bad rows aside. */
import type { BadRowLog } from './bad-rows.ts'
import type { ItemsSpec } from './dataset-spec.ts'
import { type Database, literal, toNumber } from './duckdb.ts'
import { BadDataError } from './errors.ts'
import { idReason, reportBadRows } from './load-interactions.ts'
import { openTable } from './readers/open-table.ts'
import { namingFile, type RowSource, requireColumn } from './readers/row-source.ts'
import type { SourceFile } from './source-files.ts'

/** text and attributes are JSON arrays with one entry per column of the spec. */
export const CREATE_ITEM_ROWS =
  'CREATE TABLE item_rows (file_index UINTEGER, row_number BIGINT, item_id VARCHAR, ' +
  'text VARCHAR, attributes VARCHAR, embedding FLOAT[], reason VARCHAR)'

/** @throws BadDataError */
export async function loadItems(
  database: Database,
  spec: ItemsSpec | undefined,
  files: readonly SourceFile[],
  badRows: BadRowLog,
): Promise<void> {
  await database.run(CREATE_ITEM_ROWS)
  if (spec === undefined) return
  for (const [index, file] of files.entries()) {
    if (file.size === 0 && spec.format !== 'Parquet') continue
    await namingFile(file, async () => {
      const source = await openTable(database, spec.format, file, spec.delimiter)
      checkColumns(source, file, spec)
      await database.run(insertion(source, spec, index))
      await reportBadRows(database, 'item_rows', { file, index, locate: source.locate }, badRows)
    })
  }
  await checkDimensions(database, spec)
}

function checkColumns(source: RowSource, file: SourceFile, { columns }: ItemsSpec): void {
  requireColumn(source, file, columns.id, 'spec.items.columns.id')
  for (const column of columns.text ?? []) requireColumn(source, file, column, 'spec.items.columns.text')
  for (const column of columns.attributes ?? []) requireColumn(source, file, column, 'spec.items.columns.attributes')
  if (columns.embedding !== undefined) requireColumn(source, file, columns.embedding, 'spec.items.columns.embedding')
}

function insertion(source: RowSource, { columns }: ItemsSpec, index: number): string {
  const list = (names: readonly string[] | undefined): string =>
    `CAST(json_array(${(names ?? []).map(source.json).join(', ')}) AS VARCHAR)`
  const { embedding } = columns
  const isIllTyped =
    'embedding IS NULL OR len(embedding) = 0 OR list_bool_or(list_transform(embedding, lambda x: x IS NULL OR NOT isfinite(x)))'
  const embeddingReason =
    embedding === undefined
      ? 'NULL'
      : `CASE WHEN ${isIllTyped} THEN ${literal(`column ${JSON.stringify(embedding)} holds no list of finite numbers`)} END`
  return (
    `INSERT INTO item_rows SELECT ${index}, row_number, item_id, text, attributes, embedding, ` +
    `coalesce(malformed, ${idReason('item_id', columns.id)}, ${embeddingReason}) ` +
    `FROM (SELECT row_number, ${source.malformed} AS malformed, ${source.text(columns.id)} AS item_id, ` +
    `${list(columns.text)} AS text, ${list(columns.attributes)} AS attributes, ` +
    `${embedding === undefined ? 'CAST(NULL AS FLOAT[])' : source.floats(embedding)} AS embedding ` +
    `FROM ${source.relation} WHERE NOT ${source.blank})`
  )
}

async function checkDimensions(database: Database, { columns }: ItemsSpec): Promise<void> {
  if (columns.embedding === undefined) return
  const rows = await database.rows(
    'SELECT len(embedding) AS dimension, count(*) AS count FROM item_rows WHERE reason IS NULL GROUP BY 1 ORDER BY 1',
  )
  if (rows.length <= 1) return
  const found = rows.slice(0, 5).map((row) => `${toNumber(row.count)} items have ${toNumber(row.dimension)}`)
  throw new BadDataError(
    'BadRows',
    `Embeddings must be equally long: ${found.join(', ')}. Correct the column ${JSON.stringify(columns.embedding)}, ` +
      'or change spec.items.columns.embedding.',
  )
}
