import { type Database, literal } from '../duckdb.ts'
import type { SourceFile } from '../source-files.ts'
import { type RowSource, timeFromText } from './row-source.ts'
import { linesRelation, locateLines } from './text-lines.ts'

const LOOKED_AT = 1000

/** One JSON object per line. Columns are top-level keys. */
export async function openJsonLines(database: Database, file: SourceFile): Promise<RowSource> {
  const relation =
    '(SELECT row_number, line, CASE WHEN json_valid(line) THEN CAST(line AS JSON) END AS object ' +
    `FROM ${linesRelation(file)})`
  const path = (column: string): string => literal(`$."${column.replaceAll('"', '\\"')}"`)
  const text = (column: string): string =>
    `CASE WHEN json_type(object, ${path(column)}) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL ` +
    `ELSE json_extract_string(object, ${path(column)}) END`
  const keys = await database.rows(
    'SELECT DISTINCT key FROM (SELECT unnest(json_keys(object)) AS key FROM ' +
      `(SELECT object FROM ${relation} WHERE json_type(object) = 'OBJECT' LIMIT ${LOOKED_AT})) ORDER BY key`,
  )
  // The look at the columns has read (a part of) the file; what it rejected will be rejected again.
  await locateLines(database, file, [])
  return {
    relation,
    columns: keys.map((row) => String(row.key)),
    blank: "(line IS NULL OR trim(line, ' \t\r') = '')",
    malformed:
      "CASE WHEN object IS NULL THEN 'not valid JSON' " +
      "WHEN json_type(object) <> 'OBJECT' THEN 'not a JSON object but ' || lower(json_type(object)) END",
    text,
    json: (column) => `json_extract(object, ${path(column)})`,
    floats: (column) => `TRY_CAST(json_extract(object, ${path(column)}) AS FLOAT[])`,
    time: (column) => timeFromText(text(column)),
    locate: (rowNumbers) => locateLines(database, file, rowNumbers),
  }
}
