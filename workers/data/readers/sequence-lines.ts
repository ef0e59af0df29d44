/** Plain sequence lines: `user item item ...`, in order, no times. */
import { type Database, literal } from '../duckdb.ts'
import type { SourceFile } from '../source-files.ts'
import type { LocatedRows } from './row-source.ts'
import { linesRelation, locateLines } from './text-lines.ts'

/** SQL: row_number, position, user_id, item_id, reason; one row per item, or one with a reason for a bad line. */
export function sequencesRelation(file: SourceFile, maxIdLength: number, delimiter?: string): string {
  const separator = delimiter === undefined || delimiter.trim() === '' ? '[ \\t]+' : `[ \\t]*\\Q${delimiter}\\E[ \\t]*`
  const isTooLong = `list_bool_or(list_transform(parts, lambda part: length(part) > ${maxIdLength}))`
  const reason =
    "CASE WHEN len(parts) < 2 THEN 'a user without items' " +
    `WHEN ${isTooLong} THEN 'an id has more than ${maxIdLength} characters' ` +
    "WHEN list_contains(parts, '') THEN 'an empty id' END"
  return (
    '(SELECT row_number, reason, parts[1] AS user_id, ' +
    'unnest(CASE WHEN reason IS NULL THEN parts[2:] ELSE [NULL] END) AS item_id, ' +
    'unnest(CASE WHEN reason IS NULL THEN range(len(parts) - 1) ELSE [0] END) AS position ' +
    `FROM (SELECT row_number, parts, ${reason} AS reason FROM ` +
    `(SELECT row_number, string_split_regex(trim(line, ' \t\r'), ${literal(separator)}) AS parts ` +
    `FROM ${linesRelation(file)} WHERE line IS NOT NULL AND trim(line, ' \t\r') <> '')))`
  )
}

export function locateSequences(
  database: Database,
  file: SourceFile,
  rowNumbers: readonly number[],
): Promise<LocatedRows> {
  return locateLines(database, file, rowNumbers)
}
