import type { TableFormat } from '../dataset-spec.ts'
import type { Database } from '../duckdb.ts'
import type { SourceFile } from '../source-files.ts'
import { openCsv } from './csv.ts'
import { openJsonLines } from './json-lines.ts'
import { openParquet } from './parquet.ts'
import type { RowSource } from './row-source.ts'

export function openTable(
  database: Database,
  format: TableFormat,
  file: SourceFile,
  delimiter: string | undefined,
): Promise<RowSource> {
  if (format === 'CSV') return openCsv(database, file, delimiter)
  return format === 'JSONLines' ? openJsonLines(database, file) : openParquet(database, file)
}
