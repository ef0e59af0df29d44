/** A simulation into the tables that readers fill, so that it takes the same way as real logs. */
import { DuckDBDataChunk, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'
import type { SimulationSpec } from './dataset-spec.ts'
import type { Database } from './duckdb.ts'
import { CREATE_INTERACTION_ROWS } from './load-interactions.ts'
import { CREATE_ITEM_ROWS } from './load-items.ts'
import { simulate } from './simulator.ts'

/** The most that a DuckDB chunk holds. */
const CHUNK_ROWS = 2048

export async function loadSimulation(database: Database, spec: SimulationSpec): Promise<void> {
  const simulation = simulate(spec)
  await database.run(CREATE_INTERACTION_ROWS)
  await database.run(CREATE_ITEM_ROWS)
  let row = 0n
  await append(database, 'item_rows', simulation.items, (item) => [
    0,
    ++row,
    item.id,
    JSON.stringify([item.text]),
    JSON.stringify([item.attributes]),
    null,
    null,
  ])
  row = 0n
  await append(database, 'interaction_rows', simulation.events(), (event) => [
    0,
    ++row,
    0n,
    event.user,
    event.item,
    event.time,
    null,
  ])
}

async function append<T>(
  database: Database,
  table: string,
  values: Iterable<T>,
  toRow: (value: T) => DuckDBValue[],
): Promise<void> {
  const appender = await database.connection.createAppender(table)
  try {
    const types: DuckDBType[] = Array.from({ length: appender.columnCount }, (_, column) => appender.columnType(column))
    let rows: DuckDBValue[][] = []
    const flush = (): void => {
      if (rows.length === 0) return
      const chunk = DuckDBDataChunk.create(types)
      chunk.setRows(rows)
      appender.appendDataChunk(chunk)
      rows = []
    }
    for (const value of values) {
      rows.push(toRow(value))
      if (rows.length === CHUNK_ROWS) flush()
    }
    flush()
    appender.flushSync()
  } finally {
    appender.closeSync()
  }
}
