/** A simulation into the tables that readers fill, so that it takes the same way as real logs. */
import { setImmediate } from 'node:timers/promises'
import { DuckDBDataChunk, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'
import type { SimulationSpec } from './dataset-spec.ts'
import type { Database } from './duckdb.ts'
import { CREATE_INTERACTION_ROWS } from './load-interactions.ts'
import { CREATE_ITEM_ROWS } from './load-items.ts'
import { simulate } from './simulator.ts'

/** The most that a DuckDB chunk holds. */
const CHUNK_ROWS = 2048

/** @throws the signal's reason */
export async function loadSimulation(database: Database, spec: SimulationSpec, signal?: AbortSignal): Promise<void> {
  try {
    await loadTables(database, spec, signal)
  } catch (error) {
    // Whatever DuckDB says of an interrupted appender, the cancellation is what happened.
    signal?.throwIfAborted()
    throw error
  }
}

async function loadTables(database: Database, spec: SimulationSpec, signal: AbortSignal | undefined): Promise<void> {
  const simulation = simulate(spec)
  await database.run(CREATE_INTERACTION_ROWS)
  await database.run(CREATE_ITEM_ROWS)
  let row = 0n
  const append = appenderTo(database, signal)
  await append('item_rows', simulation.items, (item) => [
    0,
    ++row,
    item.id,
    JSON.stringify([item.text]),
    JSON.stringify([item.attributes]),
    null,
    null,
  ])
  row = 0n
  await append('interaction_rows', simulation.events(), (event) => [
    0,
    ++row,
    0n,
    event.user,
    event.item,
    event.time,
    null,
  ])
}

type Append = <T>(table: string, values: Iterable<T>, toRow: (value: T) => DuckDBValue[]) => Promise<void>

function appenderTo(database: Database, signal: AbortSignal | undefined): Append {
  return async (table, values, toRow) => {
    const appender = await database.connection.createAppender(table)
    try {
      const types: DuckDBType[] = Array.from({ length: appender.columnCount }, (_, column) =>
        appender.columnType(column),
      )
      for (const group of chunked(values)) {
        const chunk = DuckDBDataChunk.create(types)
        chunk.setRows(group.map(toRow))
        appender.appendDataChunk(chunk)
        // Nothing here waits; without a turn of the event loop a cancellation would never arrive.
        await setImmediate()
        signal?.throwIfAborted()
      }
      appender.flushSync()
    } finally {
      appender.closeSync()
    }
  }
}

function* chunked<T>(values: Iterable<T>): Generator<T[]> {
  let group: T[] = []
  for (const value of values) {
    group.push(value)
    if (group.length < CHUNK_ROWS) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
