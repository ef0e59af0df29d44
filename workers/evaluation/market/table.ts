/** Numbers in named columns, row after row: what a measurement leaves for checkpoints, artifacts and statistics. */
export interface Table {
  readonly columns: readonly string[]
  /** Row-major [rows, columns]; only ever appended to. */
  readonly values: number[]
}

export const emptyTable = (columns: readonly string[]): Table => ({ columns, values: [] })

export const rowCount = ({ columns, values }: Table): number => values.length / columns.length

/** A row with these numbers; NaN where one is not given. @throws TypeError for a column that the table lacks */
export function appendRow({ columns, values }: Table, row: Readonly<Record<string, number>>): void {
  const unknown = Object.keys(row).find((name) => !columns.includes(name))
  if (unknown !== undefined) throw new TypeError(`The table has no column ${unknown}: it has ${columns.join(', ')}`)
  for (const name of columns) values.push(row[name] ?? Number.NaN)
}

/** All rows of one column. @throws TypeError where the table lacks it */
export function columnOf(table: Table, name: string): Float64Array {
  const { columns, values } = table
  const at = columns.indexOf(name)
  if (at < 0) throw new TypeError(`The table has no column ${name}: it has ${columns.join(', ')}`)
  return Float64Array.from({ length: rowCount(table) }, (_, row) => values[row * columns.length + at])
}

/** Little endian, row-major. */
export const tableBytes = ({ values }: Table): Uint8Array => new Uint8Array(Float64Array.from(values).buffer)

export const tableFromBytes = (columns: readonly string[], bytes: Uint8Array): Table => {
  // A copy: a view of the pool that small files are read into need not lie at a multiple of 8.
  const copy = new Uint8Array(bytes)
  return { columns, values: Array.from(new Float64Array(copy.buffer, 0, copy.byteLength / 8)) }
}
