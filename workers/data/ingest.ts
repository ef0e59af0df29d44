/** From logs, or a simulation, to a Dataset artifact. */
import type { AdvertisingStatus } from '../../crds/advertising.ts'
import type { ArtifactReference, ArtifactStore, JsonObject } from '../artifacts/store.ts'
import { type Arrangement, arrange } from './arrange.ts'
import { BadRowLog } from './bad-rows.ts'
import type { DatasetSpec } from './dataset-spec.ts'
import { type Database, openDatabase } from './duckdb.ts'
import { type BadRow, SourceChangedError } from './errors.ts'
import { type EventStatistics, writeEvents, writeItems, writeUsers } from './export-dataset.ts'
import { loadInteractions } from './load-interactions.ts'
import { loadItems } from './load-items.ts'
import { loadSimulation } from './load-simulation.ts'
import { ingestMarket } from './market/ingest-market.ts'
import { popularityShares } from './popularity-shares.ts'
import { digestSource } from './source-digest.ts'
import { findSourceFiles, type SourceFiles } from './source-files.ts'
import { findSplitTimes } from './split.ts'

const DEFAULT_MEMORY_LIMIT_MEGABYTES = 1024

export interface IngestProgress {
  phase: 'Digesting' | 'Loading' | 'Arranging' | 'Writing' | 'Simulating'
  step: number
  totalSteps: number
}

export interface IngestOptions {
  store: ArtifactStore
  /** A folder for this job alone. */
  scratch: string
  namespace: string
  inputDigest: string
  threads: number
  /** The source's digest when the job was planned; other contents end the job. */
  sourceDigest?: string
  /** The source's files where they were pinned already; else they are looked for. */
  files?: SourceFiles
  memoryLimitMegabytes?: number
  signal?: AbortSignal
  progress?: (progress: IngestProgress) => void
  /** Engine version, CPU family. */
  createdBy?: JsonObject
  provenance?: JsonObject
}

export interface DatasetCounts {
  users: number
  items: number
  interactions: number
  badRows: number
  badRowExamples: readonly BadRow[]
  popularityShares: readonly number[]
  /** Only with spec.advertising. */
  advertising?: AdvertisingStatus
}

export interface IngestResult extends DatasetCounts {
  artifact: ArtifactReference
  sourceDigest: string
}

/** A dataset once its files are written. */
interface Ingested extends Arrangement, EventStatistics {
  badRows: number
  badRowExamples: readonly BadRow[]
  popularityShares: readonly number[]
  advertising: AdvertisingStatus | undefined
}

/**
 * Reads, numbers, orders, splits and publishes. Everything streams through DuckDB, which spills into the scratch
 * folder, so nothing but ids' chunks and counts is held in memory.
 * @throws BadDataError (retrying does not help), SourceChangedError (it does), StoreFullError, the signal's reason
 */
export async function ingestDataset(spec: DatasetSpec, options: IngestOptions): Promise<IngestResult> {
  const progress = options.progress ?? ((): void => undefined)
  progress({ phase: 'Digesting', step: 0, totalSteps: 1 })
  const files = options.files ?? (spec.source.simulation === undefined ? await findSourceFiles(spec) : undefined)
  // Always of these files: others that come meanwhile belong to the next revision.
  const checkSource = (expected: string | undefined) => checkedSourceDigest(spec, files, options.signal, expected)
  const before = await checkSource(options.sourceDigest)
  let ingested: Ingested | undefined
  const request = {
    kind: 'Dataset',
    inputDigest: options.inputDigest,
    metadata: {},
    ...(options.createdBy && { createdBy: options.createdBy }),
    ...(options.provenance && { provenance: options.provenance }),
  }
  const artifact = await options.store.publish(request, async (directory) => {
    const database = await openDatabase({
      folders: files === undefined ? [] : [files.folder],
      scratch: options.scratch,
      threads: options.threads,
      memoryLimitMegabytes: options.memoryLimitMegabytes ?? DEFAULT_MEMORY_LIMIT_MEGABYTES,
      ...(options.signal && { signal: options.signal }),
    })
    try {
      ingested = await ingestInto(directory, database, { spec, files, progress, signal: options.signal })
    } catch (error) {
      // What cannot be read may be a file that was replaced or removed, which trying again mends.
      if (!options.signal?.aborted) await checkSource(before)
      throw error
    } finally {
      await database.close()
    }
    // Rows read while a file was being replaced would be bound to a digest that they do not have.
    await checkSource(before)
    return metadataOf(spec, ingested, before)
  })
  if (ingested === undefined) throw new Error('The store published a dataset without writing it')
  await options.store.recordInput(options.namespace, options.inputDigest, artifact.digest)
  const { users, items, interactions, badRows, badRowExamples, popularityShares, advertising } = ingested
  const counts = {
    users,
    items,
    interactions,
    badRows,
    badRowExamples,
    popularityShares,
    ...(advertising && { advertising }),
  }
  return { artifact, sourceDigest: before, ...counts }
}

async function checkedSourceDigest(
  spec: DatasetSpec,
  files: SourceFiles | undefined,
  signal: AbortSignal | undefined,
  expected: string | undefined,
): Promise<string> {
  const { digest } = await digestSource(spec, { ...(signal && { signal }), ...(files && { files }) })
  if (expected !== undefined && digest !== expected) throw new SourceChangedError(expected, digest)
  return digest
}

interface IngestContext {
  spec: DatasetSpec
  files: SourceFiles | undefined
  progress: (progress: IngestProgress) => void
  signal: AbortSignal | undefined
}

async function ingestInto(directory: string, database: Database, context: IngestContext): Promise<Ingested> {
  const { spec, files, progress, signal } = context
  const badRows = new BadRowLog(spec.maxBadRows ?? 0)
  progress({ phase: 'Loading', step: 0, totalSteps: 1 })
  if (spec.source.simulation !== undefined) await loadSimulation(database, spec.source.simulation, signal)
  else if (files !== undefined && spec.interactions !== undefined) {
    await loadInteractions(database, spec.interactions, files.interactions, badRows)
    await loadItems(database, spec.items, files.items, badRows)
  }
  progress({ phase: 'Arranging', step: 0, totalSteps: 1 })
  const arrangement = await arrange(database, spec)
  const splitTimes = await findSplitTimes(database, spec.split, arrangement)
  await writeItems(database, directory, arrangement.embeddingDimension)
  await writeUsers(database, directory)
  const statistics = await writeEvents(database, directory, {
    hasTimes: arrangement.hasTimes,
    splitTimes,
    onProgress: (step) => progress({ phase: 'Writing', step, totalSteps: arrangement.interactions }),
  })
  const shares = await popularityShares(database, { hasTimes: arrangement.hasTimes, splitTimes })
  const { hasTimes } = arrangement
  const advertising = await ingestMarket(directory, database, { ...context, badRows, hasTimes, splitTimes })
  return {
    ...arrangement,
    ...statistics,
    badRows: badRows.count,
    badRowExamples: badRows.examples,
    popularityShares: shares,
    advertising,
  }
}

function metadataOf(spec: DatasetSpec, ingested: Ingested, sourceDigest: string): JsonObject {
  const { firstTime, lastTime, users, items, interactions, badRows, badRowExamples } = ingested
  return {
    summary: {
      sourceDigest,
      users,
      items,
      interactions,
      badRows,
      badRowExamples: badRowExamples.map((row) => ({ ...row })),
      popularityShares: ingested.popularityShares,
      ...(ingested.advertising && { advertising: { ...ingested.advertising } }),
    },
    splits: { train: ingested.train, validation: ingested.validation, test: ingested.test },
    duplicateInteractions: ingested.duplicateInteractions,
    duplicateItems: ingested.duplicateItems,
    droppedUsers: ingested.droppedUsers,
    itemsOutsideCatalogue: ingested.itemsOutsideCatalogue,
    embeddingDimension: ingested.embeddingDimension,
    ...(spec.advertising?.simulation && { simulatedMarket: spec.advertising.simulation as unknown as JsonObject }),
    ...(firstTime !== undefined &&
      lastTime !== undefined && {
        timeRange: { firstTime, lastTime },
        ties: { pairs: ingested.pairs, tiedPairs: ingested.tiedPairs },
      }),
  }
}
