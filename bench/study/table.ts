import type { Row } from '../harness/benchmark.ts'
import { formatColumns, number, type TextColumn } from '../harness/report.ts'

export interface ColumnLayout {
  readonly metric: string
  readonly title: string
  /** Title of a column beside it that tells how the row stands to its reference; absent: none. */
  readonly to?: string
  /** Whether its interval is told. */
  readonly plain?: boolean
}

export interface TableLayout {
  readonly title: string
  readonly columns: readonly ColumnLayout[]
  /** Rows that it has; absent: all. */
  readonly rows?: readonly string[]
  /** What its rows are compared with; absent: each with its own reference. */
  readonly reference?: string
}

/** A table for each layout with a line an evaluation, then what it cost; a table without intervals to tell is left out. */
export function formatTables(rows: readonly Row[], layouts: readonly TableLayout[]): string {
  const costs = rows.filter(({ unit }) => unit === 's')
  const measured = rows.filter(({ unit }) => unit !== 's')
  const names = [...new Set(measured.map(({ row }) => row))]
  const tables = layouts.flatMap(({ title, columns, rows: listed = names, reference = '' }) => {
    const found = listed.filter((name) => names.includes(name))
    const cells = columns.map((column) => ({
      column,
      texts: columnsOf(column, found, measured.filter(isTold(reference))),
    }))
    const isEmpty = cells.every(({ column, texts }) => column.plain === true || texts.every(isBlank))
    const name = { title: 'row', numeric: false, cells: found }
    return isEmpty ? [] : [`${title}:\n\n${formatColumns([name, ...cells.flatMap(({ texts }) => texts)])}`]
  })
  const cost = formatColumns([
    { title: 'run', numeric: false, cells: costs.map(({ row }) => row) },
    { title: '', numeric: false, cells: costs.map(({ metric }) => metric) },
    { title: 's', numeric: true, cells: costs.map(({ value }) => value.toFixed(0)) },
  ])
  return [...tables, ...(costs.length > 0 ? [cost] : [])].join('\n\n')
}

/** Whether a row is a plain metric, or is compared with the reference. */
const isTold =
  (reference: string) =>
  ({ metric }: Row): boolean =>
    !metric.includes(', ') || metric.endsWith(reference)

const isBlank = ({ cells }: TextColumn): boolean => cells.every((cell) => cell === '')

function columnsOf({ metric, title, to, plain }: ColumnLayout, names: readonly string[], rows: readonly Row[]) {
  const values = names.map((name) => rows.find((each) => each.row === name && each.metric === metric))
  if (plain) return [{ title, numeric: true, cells: values.map((row) => number(row?.value)) }]
  const own = { title, numeric: true, cells: values.map((row) => withInterval(row, number)) }
  if (to === undefined) return [own]
  const compared = names.map((name) => rows.find((each) => each.row === name && each.metric.startsWith(`${metric}, `)))
  return [
    own,
    { title: to, numeric: true, cells: compared.map((row) => withInterval(row, percent)) },
    { title: 'paper', numeric: true, cells: compared.map((row) => percent(row?.peerValue)) },
  ]
}

const percent = (value: number | undefined): string =>
  value === undefined ? '' : `${value < 0 ? '' : '+'}${(100 * value).toFixed(1)} %`

function withInterval(row: Row | undefined, format: (value: number | undefined) => string): string {
  if (row === undefined) return ''
  const { value, low, high } = row
  return low === undefined || high === undefined ? format(value) : `${format(value)} [${format(low)}, ${format(high)}]`
}
