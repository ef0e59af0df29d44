import { mkdir, rm } from 'node:fs/promises'
import type { JobKind, JobPayload, TrainingSummary } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import type { Artifact, ArtifactStore, JsonObject } from '../../workers/artifacts/store.ts'
import type { ProcessorContext } from '../../workers/processors/context.ts'
import { processors } from '../../workers/processors/processors.ts'
import { contextIn } from '../recommendation/pipeline.ts'
import type { Study } from './manifests.ts'

/** CPU seconds of all threads of this process. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

export interface Trained {
  readonly digest: string
  readonly stages: readonly { readonly name: string; readonly digest: string }[]
  /** CPU seconds of this run; stages that it found cost nothing. */
  readonly cpuSeconds: number
}

export interface Measured {
  readonly digest: string
  readonly cpuSeconds: number
}

/** Digests of dataset and tokenizer. */
export interface Prepared {
  readonly dataset: string
  readonly tokenizer: string
}

/** Runs jobs over a store that stays: what an interrupted run left is found, stages are shared, audits are taken up. */
export interface Pipeline {
  readonly store: ArtifactStore
  prepare(study: Study): Promise<Prepared>
  train(spec: TrainingRun['spec'], inputs: Inputs): Promise<Trained>
  evaluate(spec: Evaluation['spec'], inputs: Inputs): Promise<Measured>
  open(digest: string): Promise<Artifact>
}

type Inputs = Readonly<Record<string, string>>

export interface PipelineFolders {
  /** Of what is to stay. */
  readonly store: string
  /** Of what is not. */
  readonly work: string
}

export interface PipelineOptions {
  /** Version of the sources: artifacts of others are not taken for theirs. */
  readonly engine: string
  /** Of a session. */
  readonly threads: number
}

export async function openPipeline(
  folders: PipelineFolders,
  { engine, threads }: PipelineOptions,
  progress: (line: string) => void,
): Promise<Pipeline> {
  await rm(folders.work, { recursive: true, force: true })
  await mkdir(folders.work, { recursive: true })
  const context = { ...(await contextIn(folders.work, progress, threads)), store: openFileStore(folders.store) }
  const run = (kind: JobKind, spec: object, inputs: Inputs): Promise<string> =>
    runOnce(context, { kind, spec, inputs, engine })
  return {
    store: context.store,
    async prepare({ dataset: ofDataset, tokenizer: ofTokenizer }) {
      const dataset = await run('Dataset', ofDataset, {})
      return { dataset, tokenizer: await run('TokenizerBuild', ofTokenizer, { dataset }) }
    },
    async train(spec, inputs) {
      const before = cpuSeconds()
      const digest = await run('TrainingRun', spec, inputs)
      const { manifest } = await context.store.open(digest)
      const { stages = [] } = manifest.metadata.summary as unknown as TrainingSummary
      return { digest, stages: stages.map(({ name, digest }) => ({ name, digest })), cpuSeconds: cpuSeconds() - before }
    },
    async evaluate(spec, inputs) {
      const before = cpuSeconds()
      return { digest: await run('Evaluation', spec, inputs), cpuSeconds: cpuSeconds() - before }
    },
    open: (digest) => context.store.open(digest),
  }
}

interface Job {
  readonly kind: JobKind
  readonly spec: object
  readonly inputs: Inputs
  readonly engine: string
}

/** The digest of the job's artifact, found or made. */
async function runOnce(context: ProcessorContext, { kind, spec, inputs, engine }: Job): Promise<string> {
  const { store } = context
  const namespace = 'bench'
  const inputDigest = digestOf({ kind, spec: spec as JsonObject, inputs, engine })
  const found = await store.findByInput(namespace, inputDigest)
  if (found !== undefined) return found.digest
  const payload: JobPayload<object> = {
    ...{ kind, namespace, name: kind.toLowerCase(), uid: kind, attempt: 1, engine },
    ...{ inputDigest, spec, inputs: { ...inputs } },
  }
  const { artifact } = await processors[kind](payload as JobPayload<never>, context)
  await store.recordInput(namespace, inputDigest, artifact.digest)
  return artifact.digest
}
