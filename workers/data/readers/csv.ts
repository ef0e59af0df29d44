import { type Database, identifier, literal } from '../duckdb.ts'
import { BadDataError, type BadRow } from '../errors.ts'
import type { SourceFile } from '../source-files.ts'
import { findRecordLines, readFirstLine } from './csv-lines.ts'
import { takeRejects } from './rejects.ts'
import { type LocatedRows, type RowSource, summary, timeFromText } from './row-source.ts'
import { BUFFER_BYTES, MAX_LINE_BYTES } from './text-lines.ts'

/** Comma-separated values (RFC 4180) with a header line; the delimiter may be another character. */
export async function openCsv(database: Database, file: SourceFile, delimiter = ','): Promise<RowSource> {
  const header = parseHeader(await readFirstLine(file.path), delimiter)
  const repeated = header.find((name, index) => header.indexOf(name) !== index)
  if (header.length === 0 || repeated !== undefined) {
    const trouble = repeated === undefined ? 'is empty' : `names the column ${JSON.stringify(repeated)} twice`
    throw new BadDataError('SourceUnreadable', `The header line of ${file.name} ${trouble}. Correct the file.`)
  }
  const position = new Map(header.map((name, index) => [name, identifier(`c${index}`)]))
  const raw = (column: string): string => position.get(column) ?? 'CAST(NULL AS VARCHAR)'
  const jsonList = (column: string): string =>
    `CASE WHEN starts_with(${raw(column)}, '[') AND json_valid(${raw(column)}) THEN CAST(${raw(column)} AS JSON) ` +
    `ELSE to_json(${raw(column)}) END`
  return {
    relation: csvRelation(file, delimiter, header.length),
    columns: header,
    blank: 'false',
    malformed: 'CAST(NULL AS VARCHAR)',
    text: raw,
    json: jsonList,
    floats: (column) => `TRY_CAST(${jsonList(column)} AS FLOAT[])`,
    time: (column) => timeFromText(raw(column)),
    locate: (rowNumbers, wanted) => locateRecords(database, file, header.length, rowNumbers, wanted),
  }
}

function csvRelation(file: SourceFile, delimiter: string, width: number): string {
  const columns = Array.from({ length: width }, (_, index) => `'c${index}': 'VARCHAR'`)
  const options = [
    `columns = {${columns.join(', ')}}`,
    `delim = ${literal(delimiter)}`,
    `quote = '"'`,
    `escape = '"'`,
    'header = false',
    'skip = 1',
    'auto_detect = false',
    'store_rejects = true',
    `max_line_size = ${MAX_LINE_BYTES}`,
    `buffer_size = ${BUFFER_BYTES}`,
  ]
  return `(SELECT row_number() OVER () AS row_number, * FROM read_csv(${literal(file.path)}, ${options.join(', ')}))`
}

/** The names in a header line. */
export function parseHeader(line: string, delimiter: string): string[] {
  const names: string[] = []
  let rest = line.replace(/^\uFEFF/, '').replace(/\r?\n?$/, '')
  if (rest === '') return names
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest)
    const end = quoted === null ? rest.indexOf(delimiter) : quoted[0].length
    const name = quoted === null ? rest.slice(0, end < 0 ? undefined : end) : quoted[1].replaceAll('""', '"')
    names.push(name.trim())
    if (end < 0 || end >= rest.length) return names
    rest = rest.slice(end + delimiter.length)
  }
}

async function locateRecords(
  database: Database,
  file: SourceFile,
  width: number,
  rowNumbers: readonly number[],
  wanted: number,
): Promise<LocatedRows> {
  const rejects = await takeRejects(database, 1_000_000)
  if (rejects.count === 0 && rowNumbers.length === 0) return { lines: [], rejectedCount: 0, rejected: [] }
  const shown = rejects.first.slice(0, wanted)
  const found = await findRecordLines(file.path, {
    rowNumbers,
    rejectedStarts: new Set(rejects.first.map((reject) => reject.start)),
    lastStart: shown.at(-1)?.start ?? -1,
    // With one column a blank line is a record with an empty value.
    blanksAreRecords: width === 1,
  })
  const rejected: BadRow[] = shown.map(({ start, reason }) => ({
    file: file.name,
    line: found.lineOfStart.get(start) ?? 0,
    reason: summary(reason),
  }))
  return { lines: found.lines, rejectedCount: rejects.count, rejected }
}
