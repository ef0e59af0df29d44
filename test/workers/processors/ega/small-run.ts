// A simulated market so small that all stages of EGA-V2 pass over it in seconds.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { JobPayload } from '../../../../crds/jobs.ts'
import { dataset } from '../../../../crds/kinds/dataset.ts'
import { type TokenizerBuild, tokenizerBuild } from '../../../../crds/kinds/tokenizer-build.ts'
import { type TrainingRun, trainingRun } from '../../../../crds/kinds/training-run.ts'
import { openFileStore } from '../../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../../workers/artifacts/store.ts'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { ingestDataset } from '../../../../workers/data/ingest.ts'
import type { ProcessorContext, ProgressUpdate } from '../../../../workers/processors/context.ts'
import { openEgaInputs } from '../../../../workers/processors/ega/inputs.ts'
import { processEgaTrainingRun } from '../../../../workers/processors/ega/training-run.ts'
import { processTokenizerBuild } from '../../../../workers/processors/tokenizer-build.ts'
import { inputOf } from '../../artifacts/support.ts'

type Spec = TrainingRun['spec']

const withDefaults = <T>(schema: TSchema, spec: object): T => Value.Default(schema, structuredClone(spec)) as T

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

export const smallStages = {
  pretrain: { targets: ['Exposed', 'NextItems'] },
  reward: { maxEpochs: 2, batchSize: 16 },
  allocation: { requests: 8, batchSize: 4 },
  payment: { requests: 3, maxEpochs: 3, batchSize: 8 },
}

export const smallSpec = (stages: object = smallStages, ega: object = {}): Spec =>
  withDefaults(trainingRun.spec, {
    datasetRef: { name: 'market' },
    tokenizerRef: { name: 'market' },
    model: {
      architecture: 'EGAV2',
      layers: 1,
      hiddenSize: 8,
      heads: 2,
      feedForwardSize: 8,
      historyLength: 3,
      contentDimensions: 4,
      ega: {
        listLength: 3,
        historyTokens: 'Summed',
        candidateLists: 4,
        reward: { hiddenSize: 8, heads: 2, towers: [4] },
        payment: { hidden: [4] },
        ...ega,
      },
    },
    stages,
    optimizer: { batchSize: 32, warmupSteps: 1 },
    maxEpochs: 1,
    checkpointSteps: 1,
  })

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

const payloadOf = <S>(kind: JobPayload['kind'], spec: S, inputs: Record<string, string>, namespace = 'ads') =>
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

/** What a run would work on. */
export const inputsOf = (world: World, spec: Spec) =>
  openEgaInputs(payloadOf('TrainingRun', spec, { ...world.inputs }), contextIn(world))

/** @param namespace stages are shared within one only */
export async function train(
  world: World,
  spec: Spec,
  { namespace, stopAt }: { namespace?: string; stopAt?: (update: ProgressUpdate) => boolean } = {},
) {
  const context = contextIn(world, stopAt)
  const payload = payloadOf('TrainingRun', spec, { ...world.inputs }, namespace)
  const outcome = await processEgaTrainingRun(payload, context)
  return { ...outcome, updates: context.updates }
}
