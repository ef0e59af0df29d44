/** How a column of an advertising table is read: its value in SQL, and what is wrong with it. */
import { literal } from '../../duckdb.ts'
import { MAX_ID_LENGTH } from '../../load-interactions.ts'
import type { RowSource } from '../../readers/row-source.ts'

export type ColumnKind = keyof typeof kinds

interface Kind {
  /** SQL type of the value. */
  readonly type: string
  value(source: RowSource, column: string): string
  /** SQL: what stands in the file, NULL where nothing does. */
  given(source: RowSource, column: string): string
  /** SQL: whether what is given cannot be used. */
  isBad(value: string, given: string): string
  readonly wanted: string
}

const asText = (source: RowSource, column: string): string => source.text(column)
/** Lists and objects are no text, yet they are given. */
const asJson = (source: RowSource, column: string): string =>
  `CASE WHEN json_type(${source.json(column)}) <> 'NULL' THEN CAST(${source.json(column)} AS VARCHAR) END`
const nonEmpty = (source: RowSource, column: string): string => `nullif(${asText(source, column)}, '')`

const truths = "['1', '1.0', 'true', 't', 'yes']"
const falsehoods = "['0', '0.0', 'false', 'f', 'no']"

const number = (least: string, wanted: string): Kind => ({
  type: 'DOUBLE',
  value: (source, column) => `TRY_CAST(${asText(source, column)} AS DOUBLE)`,
  given: nonEmpty,
  isBad: (value) => `${value} IS NULL OR NOT isfinite(${value}) OR ${value} ${least}`,
  wanted,
})

const kinds = {
  id: {
    type: 'VARCHAR',
    value: nonEmpty,
    given: nonEmpty,
    isBad: (value) => `length(${value}) > ${MAX_ID_LENGTH}`,
    wanted: `text or a number of at most ${MAX_ID_LENGTH} characters`,
  },
  amount: number('< 0', 'number of at least 0'),
  probability: number('NOT BETWEEN 1e-30 AND 1', 'probability above 0 and at most 1'),
  position: {
    type: 'BIGINT',
    value: (source, column) => `TRY_CAST(${asText(source, column)} AS BIGINT)`,
    given: nonEmpty,
    isBad: (value) => `${value} IS NULL OR ${value} < 1`,
    wanted: 'whole number from 1 on',
  },
  flag: {
    type: 'BOOLEAN',
    value: (source, column) =>
      `CASE WHEN lower(${asText(source, column)}) IN ${truths} THEN true ` +
      `WHEN lower(${asText(source, column)}) IN ${falsehoods} THEN false END`,
    given: nonEmpty,
    isBad: (value) => `${value} IS NULL`,
    wanted: '1 or 0, true or false',
  },
  time: {
    type: 'DOUBLE',
    value: (source, column) => source.time(column),
    given: nonEmpty,
    isBad: (value) => `${value} IS NULL`,
    wanted: 'time (RFC 3339, or a number since 1970)',
  },
  text: {
    type: 'VARCHAR',
    value: (source, column) => `CAST(${source.json(column)} AS VARCHAR)`,
    given: (source, column) => `CAST(${source.json(column)} AS VARCHAR)`,
    isBad: () => 'false',
    wanted: 'text',
  },
  ids: {
    type: 'VARCHAR[]',
    value: (source, column) => `TRY_CAST(${source.json(column)} AS VARCHAR[])`,
    given: asJson,
    isBad: (value) =>
      `${value} IS NULL OR len(${value}) <> len(list_distinct(${value})) OR ` +
      `list_bool_or(list_transform(${value}, lambda id: id = '' OR length(id) > ${MAX_ID_LENGTH}))`,
    wanted: 'list of ids, each once',
  },
  amounts: {
    type: 'DOUBLE[]',
    value: (source, column) => `TRY_CAST(${source.json(column)} AS DOUBLE[])`,
    given: asJson,
    isBad: (value) =>
      `${value} IS NULL OR list_bool_or(list_transform(${value}, lambda x: x IS NULL OR NOT isfinite(x) OR x < 0))`,
    wanted: 'list of numbers of at least 0',
  },
  floats: {
    type: 'FLOAT[]',
    value: (source, column) => source.floats(column),
    given: asJson,
    isBad: (value) =>
      `${value} IS NULL OR len(${value}) = 0 OR ` +
      `list_bool_or(list_transform(${value}, lambda x: x IS NULL OR NOT isfinite(x)))`,
    wanted: 'list of finite numbers',
  },
} satisfies Record<string, Kind>

export interface Column {
  /** Of the table, and of spec.advertising.TABLE.columns. */
  readonly name: string
  readonly kind: ColumnKind
  /** Every row has to tell it where the spec names a column for it. */
  readonly isNeeded?: boolean
}

/** SQL: a definition for CREATE TABLE. */
export const definitionOf = ({ name, kind }: Column): string => `"${name}" ${kinds[kind].type}`

/** SQL: `value AS "name", given AS "name given"`; NULL where the spec names no column. */
export function selectionOf({ name, kind }: Column, source: RowSource, column: string | undefined): string {
  const { type, value, given }: Kind = kinds[kind]
  if (column === undefined) return `CAST(NULL AS ${type}) AS "${name}", CAST(NULL AS VARCHAR) AS "${name} given"`
  return `${value(source, column)} AS "${name}", ${given(source, column)} AS "${name} given"`
}

/** SQL over a selection: why the value cannot stand, or NULL. */
export function reasonOf({ name, kind, isNeeded }: Column, column: string | undefined): string {
  if (column === undefined) return 'CAST(NULL AS VARCHAR)'
  const { isBad, wanted }: Kind = kinds[kind]
  const named = `column ${JSON.stringify(column)}`
  const missing = isNeeded ? ` WHEN "${name} given" IS NULL THEN ${literal(`${named} holds no ${wanted}`)}` : ''
  return (
    `CASE WHEN "${name} given" IS NOT NULL AND (${isBad(`"${name}"`, `"${name} given"`)}) ` +
    `THEN ${literal(`${named} holds no ${wanted}: `)} || left("${name} given", 40)${missing} END`
  )
}
