/** The marketplace of a spec, read or simulated, into the files of a Dataset artifact. */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { AdvertisingStatus } from '../../../crds/advertising.ts'
import type { BadRowLog } from '../bad-rows.ts'
import { readDataset } from '../dataset-reader.ts'
import type { DatasetSpec } from '../dataset-spec.ts'
import type { Database } from '../duckdb.ts'
import { BadDataError } from '../errors.ts'
import { DATASET_FILES } from '../export-dataset.ts'
import type { SourceFiles } from '../source-files.ts'
import type { SplitTimes } from '../split.ts'
import { simulateMarket } from './simulator/simulate-market.ts'
import { ingestTables } from './tables/ingest-tables.ts'

export interface MarketContext {
  readonly spec: DatasetSpec
  readonly files: SourceFiles | undefined
  readonly badRows: BadRowLog
  readonly hasTimes: boolean
  /** Undefined: leave one out. */
  readonly splitTimes: SplitTimes | undefined
  readonly signal: AbortSignal | undefined
  progress(progress: { phase: 'Loading' | 'Simulating'; step: number; totalSteps: number }): void
}

/** @param directory holds the files of the interactions already @throws BadDataError, the signal's reason */
export async function ingestMarket(
  directory: string,
  database: Database,
  { spec, files, badRows, hasTimes, splitTimes, signal, progress }: MarketContext,
): Promise<AdvertisingStatus | undefined> {
  const { advertising } = spec
  if (advertising === undefined) return undefined
  if (advertising.simulation === undefined) {
    if (files?.advertising === undefined) {
      throw new BadDataError('InvalidSpec', 'spec.advertising gives neither tables below the source nor a simulation')
    }
    progress({ phase: 'Loading', step: 0, totalSteps: 1 })
    return ingestTables(database, directory, { spec: advertising, files, badRows, seed: spec.seed ?? 0, splitTimes })
  }
  const has = (file: string) => file === DATASET_FILES.times && hasTimes
  const dataset = await readDataset({ path: (file) => join(directory, file), has }, '')
  return simulateMarket(dataset, advertising.simulation, {
    directory,
    tick: async (step, totalSteps) => {
      progress({ phase: 'Simulating', step, totalSteps })
      // Nothing here waits; without a turn of the event loop a cancellation would never arrive.
      await setImmediate()
      signal?.throwIfAborted()
    },
  })
}
