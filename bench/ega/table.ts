import type { Row } from '../harness/benchmark.ts'
import { formatColumns, number } from '../harness/report.ts'

const judges = ['Truth', 'HeldOut', 'Model'] as const
const titles: readonly (readonly [metric: string, title: string])[] = [
  ['RPM', 'RPM'],
  ['CTR', 'CTR-poi'],
  ['CreativeCTR', 'CTR-img'],
  ['Psi', 'Psi'],
]
const facts: readonly (readonly [metric: string, title: string])[] = [
  ['AdsPerList', 'ads a list'],
  ['IRViolations', 'IR violations'],
  ['audited requests', 'audited'],
]

/** A table for each judge with a line an evaluation, then what it cost. */
export function formatStudy(rows: readonly Row[]): string {
  const names = [...new Set(rows.filter(({ unit }) => unit === '').map(({ row }) => row))]
  const find = (row: string, metric: string): Row | undefined =>
    rows.find((each) => each.row === row && each.metric === metric)
  const name = { title: 'row', numeric: false, cells: names }
  const tables = judges.flatMap((judge) => {
    const columns = titles.flatMap(([metric, title]) => {
      const values = names.map((row) => find(row, `${judge}/${metric}`))
      const compared = names.map((row) =>
        rows.find((each) => each.row === row && each.metric.startsWith(`${judge}/${metric}, `)),
      )
      return [
        { title, numeric: true, cells: values.map((row) => withInterval(row, number)) },
        { title: 'to EGA-V2', numeric: true, cells: compared.map((row) => withInterval(row, percent)) },
        { title: 'paper', numeric: true, cells: compared.map((row) => percent(row?.peerValue)) },
      ]
    })
    const plain = facts.map(([metric, title]) => ({
      title,
      numeric: true,
      cells: names.map((row) => number(find(row, metric)?.value)),
    }))
    return columns.every(({ cells }) => cells.every((cell) => cell === ''))
      ? []
      : [`As ${judge} judges, with 95 % intervals over requests:\n\n${formatColumns([name, ...columns, ...plain])}`]
  })
  const costs = rows.filter(({ unit }) => unit !== '')
  const cost = formatColumns([
    { title: 'run', numeric: false, cells: costs.map(({ row }) => row) },
    { title: '', numeric: false, cells: costs.map(({ metric }) => metric) },
    { title: 's', numeric: true, cells: costs.map(({ value }) => value.toFixed(0)) },
  ])
  return [...tables, cost].join('\n\n')
}

const percent = (value: number | undefined): string =>
  value === undefined ? '' : `${value < 0 ? '' : '+'}${(100 * value).toFixed(1)} %`

function withInterval(row: Row | undefined, format: (value: number | undefined) => string): string {
  if (row === undefined) return ''
  const { value, low, high } = row
  return low === undefined || high === undefined ? format(value) : `${format(value)} [${format(low)}, ${format(high)}]`
}
