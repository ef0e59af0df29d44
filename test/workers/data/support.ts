import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import { type Dataset, openDataset } from '../../../workers/data/dataset-reader.ts'
import type { DatasetSpec } from '../../../workers/data/dataset-spec.ts'
import { type IngestOptions, type IngestResult, ingestDataset } from '../../../workers/data/ingest.ts'
import { leaveOneOut } from '../../../workers/data/split.ts'
import { inputOf, temporaryFolder } from '../artifacts/support.ts'

/** A source folder with these files. */
export async function sourceWith(files: Record<string, string | Buffer>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [name, contents] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), contents)
  }
  return folder
}

/** A Parquet file from a query. */
export async function writeParquet(path: string, query: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
}

export interface Ingested extends IngestResult {
  store: ArtifactStore
  dataset: Dataset
  metadata: Record<string, unknown>
}

export async function ingest(spec: DatasetSpec, options: Partial<IngestOptions> = {}): Promise<Ingested> {
  const store = options.store ?? openFileStore(await temporaryFolder())
  const result = await ingestDataset(spec, {
    store,
    scratch: await temporaryFolder(),
    namespace: 'ads',
    inputDigest: inputOf('dataset'),
    threads: 2,
    ...options,
  })
  const artifact = await store.open(result.artifact.digest)
  return { ...result, store, dataset: await openDataset(artifact), metadata: artifact.manifest.metadata }
}

/** Users with the ids of their items, in order: what a dataset says, free of its numbering. */
export function sequencesById(dataset: Dataset): Record<string, string[]> {
  return Object.fromEntries(
    dataset.userIds.map((id, user) => {
      const events = dataset.events.subarray(dataset.offsets[user], dataset.offsets[user + 1])
      return [id, Array.from(events, (item) => dataset.itemIds[item])]
    }),
  )
}

/** A dataset in memory, left one out; user and item ids are their indices. */
export function datasetOf(sequences: readonly (readonly number[])[], times?: readonly (readonly number[])[]): Dataset {
  const offsets = [0]
  for (const sequence of sequences) offsets.push(offsets[offsets.length - 1] + sequence.length)
  const itemCount = Math.max(-1, ...sequences.flat()) + 1
  const cuts = sequences.map((sequence) => leaveOneOut(sequence.length))
  return {
    digest: inputOf('in memory'),
    itemCount,
    userCount: sequences.length,
    itemIds: Array.from({ length: itemCount }, (_, item) => String(item)),
    userIds: sequences.map((_, user) => String(user)),
    itemText: () => '',
    itemAttributes: () => [],
    offsets: Uint32Array.from(offsets),
    events: Uint32Array.from(sequences.flat()),
    ...(times && { times: Float64Array.from(times.flat()) }),
    trainEnd: Uint32Array.from(cuts, (cut) => cut.trainEnd),
    validationEnd: Uint32Array.from(cuts, (cut) => cut.validationEnd),
    findUser: (id) => (Number(id) < sequences.length ? Number(id) : undefined),
    findItem: (id) => (Number(id) < itemCount ? Number(id) : undefined),
  }
}

/** Users' sequences over at most 40 items. */
export const arbitrarySequences = fc.array(fc.array(fc.nat(39), { minLength: 1, maxLength: 30 }), {
  minLength: 1,
  maxLength: 12,
})
