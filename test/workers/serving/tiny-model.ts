import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import { openDataset } from '../../../workers/data/dataset-reader.ts'
import { ingestDataset } from '../../../workers/data/ingest.ts'
import { processTrainingRun } from '../../../workers/processors/training-run.ts'
import { buildTokenizer } from '../../../workers/tokenizer/build.ts'
import { writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { tinyTrainingSpec } from '../ranker/tiny-spec.ts'

export interface TinyModel {
  readonly store: ArtifactStore
  readonly digest: string
  readonly datasetDigest: string
  readonly users: number
  readonly items: number
  remove(): Promise<void>
}

const digestOf = (digit: number): string => `sha256:${String(digit).repeat(64)}`

export interface TinyModelOptions {
  readonly users?: number
  readonly items?: number
  /** One of its own where absent. */
  readonly store?: ArtifactStore
}

/** A model trained in a moment on a small simulation. */
export async function trainTinyModel(options: TinyModelOptions = {}): Promise<TinyModel> {
  const { users = 60, items = 40 } = options
  const folder = await mkdtemp(join(tmpdir(), 'tiny-model-'))
  const store = options.store ?? openFileStore(join(folder, 'store'))
  const simulation = { users, items, interests: 4, interactionsPerUser: 8, driftPercent: 0, seed: 3 }
  const ingested = await ingestDataset(
    { source: { simulation }, split: { strategy: 'LeaveOneOut' }, minInteractionsPerUser: 1 },
    { store, scratch: join(folder, 'scratch'), namespace: 'test', inputDigest: digestOf(1), threads: 1 },
  )
  const dataset = await openDataset(await store.open(ingested.artifact.digest))
  const built = await buildTokenizer(dataset, {
    features: { text: { dimensions: 8, ngrams: 1, buckets: 512, weight: 1 } },
    levels: 2,
    codebookSize: 8,
    iterations: 5,
    collisions: 'Reassign',
    seed: 1,
  })
  const tokenizer = await store.publish({ kind: 'Tokenizer', inputDigest: digestOf(2), metadata: {} }, (directory) =>
    writeTokenizer(directory, built, dataset),
  )
  const { artifact } = await processTrainingRun(
    {
      kind: 'TrainingRun',
      namespace: 'test',
      name: 'tiny',
      uid: 'uid',
      attempt: 1,
      inputDigest: digestOf(3),
      engine: 'test',
      spec: tinyTrainingSpec,
      inputs: { dataset: dataset.digest, tokenizer: tokenizer.digest },
    },
    {
      store,
      scratch: folder,
      signal: new AbortController().signal,
      threads: 1,
      startToken: 'token',
      progress: async () => {},
      mayWrite: async () => {},
      log: { info: () => {}, warn: () => {} },
      now: () => 0,
    },
  )
  return {
    store,
    digest: artifact.digest,
    datasetDigest: dataset.digest,
    users: dataset.userCount,
    items: dataset.itemCount,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
