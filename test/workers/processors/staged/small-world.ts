// A simulated market so small that all stages of a run pass over it in seconds.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { JobPayload } from '../../../../crds/jobs.ts'
import { dataset } from '../../../../crds/kinds/dataset.ts'
import { type TokenizerBuild, tokenizerBuild } from '../../../../crds/kinds/tokenizer-build.ts'
import { openFileStore } from '../../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../../workers/artifacts/store.ts'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { ingestDataset } from '../../../../workers/data/ingest.ts'
import type { ProcessorContext, ProgressUpdate } from '../../../../workers/processors/context.ts'
import { processTokenizerBuild } from '../../../../workers/processors/tokenizer-build.ts'
import { inputOf } from '../../artifacts/support.ts'

export const withDefaults = <T>(schema: TSchema, spec: object): T => Value.Default(schema, structuredClone(spec)) as T

export const smallDataset = withDefaults<DatasetSpec>(dataset.spec, {
  source: { simulation: { users: 40, items: 36, seed: 3 } },
  advertising: { simulation: { adsPerRequest: 6, organicPerRequest: 5, slots: 3, seed: 5, sponsoredPercent: 40 } },
})

/** @param text whether items have any; without it creatives are left out too */
const tokenizerSpec = (text: boolean) =>
  withDefaults<TokenizerBuild['spec']>(tokenizerBuild.spec, {
    datasetRef: { name: 'market' },
    features: { ...(text ? { text: smallText } : {}), collaborative: { dimensions: 4 } },
    levels: 2,
    codebookSize: 8,
    iterations: 5,
    ...(text ? { creatives: { levels: 2, codebookSize: 4, features: { text: smallText } } } : {}),
  })

const smallText = { dimensions: 8, buckets: 256 }

export interface World {
  /** To be removed afterwards. */
  readonly folder: string
  readonly store: ArtifactStore
  readonly inputs: { readonly dataset: string; readonly tokenizer: string }
}

export interface RunContext extends ProcessorContext {
  readonly updates: ProgressUpdate[]
}

/** @param stopAt throws as a worker that is told to end, once the job reports this */
export function contextIn(
  { store, folder }: Pick<World, 'store' | 'folder'>,
  stopAt?: (update: ProgressUpdate) => boolean,
): RunContext {
  const updates: ProgressUpdate[] = []
  let time = 0
  return {
    updates,
    store,
    scratch: folder,
    signal: new AbortController().signal,
    threads: 1,
    startToken: 'token',
    progress: async (update) => {
      updates.push(update)
      if (stopAt?.(update)) throw new Error('stopped')
    },
    mayWrite: async () => {},
    log: { info: () => {}, warn: () => {} },
    // Every step is reported.
    now: () => (time += 1000),
  }
}

/** The Dataset and its tokenizer in a store of their own. */
export async function smallWorld(spec: DatasetSpec = smallDataset, text = true): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-ega-'))
  const store = openFileStore(join(folder, 'store'))
  const options = { store, scratch: folder, namespace: 'ads', inputDigest: inputOf('dataset'), threads: 1 }
  const { artifact } = await ingestDataset(spec, options)
  const inputs = { dataset: artifact.digest }
  const payload = payloadOf('TokenizerBuild', tokenizerSpec(text), inputs)
  const built = await processTokenizerBuild(payload, contextIn({ store, folder }))
  return { store, folder, inputs: { ...inputs, tokenizer: built.artifact.digest } }
}

export const payloadOf = <S>(kind: JobPayload['kind'], spec: S, inputs: Record<string, string>, namespace = 'ads') =>
  ({
    kind,
    namespace,
    name: 'test',
    uid: 'uid',
    attempt: 1,
    inputDigest: inputOf(JSON.stringify([kind, spec])),
    engine: 'test-engine',
    spec,
    inputs,
  }) satisfies JobPayload<S>
