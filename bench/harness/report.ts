import type { Row } from './benchmark.ts'

/** What `--json` writes. */
export interface Report {
  bench: string
  /** Of the sources that were measured; see sourceVersion. */
  commit: string
  machine: { cores: number; cpu: string }
  /** Present when the small size was measured. */
  quick?: true
  rows: Row[]
}

const columns: { title: string; cell: (row: Row) => string; numeric: boolean }[] = [
  { title: 'row', cell: ({ row }) => row, numeric: false },
  { title: 'metric', cell: ({ metric }) => metric, numeric: false },
  { title: 'value', cell: ({ value }) => number(value), numeric: true },
  { title: '95 % interval', cell: interval, numeric: true },
  { title: 'unit', cell: ({ unit }) => unit, numeric: false },
  { title: 'seeds', cell: ({ seeds }) => (seeds ?? []).join(' '), numeric: false },
  { title: 'peer', cell: ({ peer }) => peer ?? '', numeric: false },
  { title: 'peer value', cell: ({ peerValue }) => number(peerValue), numeric: true },
  { title: 'ratio', cell: ({ ratio }) => number(ratio), numeric: true },
]

/** The rows as one table; columns that no row fills are left out. */
export function formatTable(rows: readonly Row[]): string {
  return formatColumns(columns.map(({ title, cell, numeric }) => ({ title, numeric, cells: rows.map(cell) })))
}

export interface TextColumn {
  readonly title: string
  /** Numbers stand to the right. */
  readonly numeric: boolean
  readonly cells: readonly string[]
}

/** Columns of equally many cells side by side, under their titles; empty ones are left out. */
export function formatColumns(all: readonly TextColumn[]): string {
  const used = all
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
    .map((column) => ({
      ...column,
      width: Math.max(column.title.length, ...column.cells.map((cell) => cell.length)),
    }))
  const line = (text: (column: (typeof used)[number]) => string) =>
    used.map((column) => (column.numeric ? text(column).padStart(column.width) : text(column).padEnd(column.width)))
  const head = line(({ title }) => title)
  const rule = line(({ width }) => '-'.repeat(width))
  const body = Array.from(used[0]?.cells ?? [], (_, index) => line(({ cells }) => cells[index] ?? ''))
  return [head, rule, ...body].map((cells) => cells.join('  ').trimEnd()).join('\n')
}

/** Four digits: more than any of our measurements holds. */
export function number(value: number | undefined): string {
  if (value === undefined) return ''
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return String(Math.round(value))
  return String(Number(value.toPrecision(4)))
}

function interval({ low, high }: Row): string {
  return low === undefined || high === undefined ? '' : `${number(low)} to ${number(high)}`
}
