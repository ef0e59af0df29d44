import { type Database, identifier, literal, type Row } from '../duckdb.ts'
import { BadDataError } from '../errors.ts'
import type { SourceFile } from '../source-files.ts'
import { type RowSource, summary, timeFromText, timeFromTimestamp } from './row-source.ts'

export async function openParquet(database: Database, file: SourceFile): Promise<RowSource> {
  const relation =
    '(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS row_number ' +
    `FROM read_parquet(${literal(file.path)}, file_row_number = true, hive_partitioning = false))`
  const types = new Map(
    (await describeColumns(database, file)).map((row) => [String(row.column_name), String(row.column_type)]),
  )
  const isNested = (column: string): boolean => /[[(]/.test(types.get(column)?.replace(/^DECIMAL\(.*\)$/, '') ?? '')
  return {
    relation,
    columns: [...types.keys()],
    blank: 'false',
    malformed: 'CAST(NULL AS VARCHAR)',
    text: (column) => (isNested(column) ? 'CAST(NULL AS VARCHAR)' : `CAST(${identifier(column)} AS VARCHAR)`),
    json: (column) => `to_json(${identifier(column)})`,
    floats: (column) => `TRY_CAST(${identifier(column)} AS FLOAT[])`,
    time: (column) =>
      /^(DATE|TIMESTAMP)/.test(types.get(column) ?? '')
        ? timeFromTimestamp(`CAST(${identifier(column)} AS TIMESTAMPTZ)`)
        : timeFromText(`CAST(${identifier(column)} AS VARCHAR)`),
    locate: async (rowNumbers) => ({ lines: [...rowNumbers], rejectedCount: 0, rejected: [] }),
  }
}

async function describeColumns(database: Database, file: SourceFile): Promise<Row[]> {
  try {
    return await database.rows(`DESCRIBE SELECT * FROM read_parquet(${literal(file.path)}, hive_partitioning = false)`)
  } catch (cause) {
    throw new BadDataError('SourceUnreadable', `${file.name} is no readable Parquet file: ${summary(String(cause))}`, {
      cause,
    })
  }
}
