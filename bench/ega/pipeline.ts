import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobKind, JobPayload, TrainingSummary } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'
import type { JsonObject } from '../../workers/artifacts/store.ts'
import { readMarkets, type StoredMarkets } from '../../workers/evaluation/market/market-files.ts'
import type { Processor, ProcessorContext } from '../../workers/processors/context.ts'
import { processDataset } from '../../workers/processors/dataset.ts'
import { processEgaTrainingRun } from '../../workers/processors/ega/training-run.ts'
import { processEvaluation } from '../../workers/processors/evaluation.ts'
import { processTokenizerBuild } from '../../workers/processors/tokenizer-build.ts'
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

/** Runs jobs over a store that stays: what an interrupted run left is found, stages are shared, audits are taken up. */
export interface Pipeline {
  prepare(study: Study): Promise<{ readonly dataset: string; readonly tokenizer: string }>
  train(spec: TrainingRun['spec'], inputs: Inputs): Promise<Trained>
  evaluate(spec: Evaluation['spec'], inputs: Inputs): Promise<Measured>
  markets(digest: string): Promise<StoredMarkets>
}

type Inputs = Readonly<Record<string, string>>

/** @param engine version of the sources: artifacts of others are not taken for theirs */
export async function openPipeline(
  folder: string,
  engine: string,
  progress: (line: string) => void,
): Promise<Pipeline> {
  await rm(join(folder, 'scratch'), { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const context = await contextIn(folder, progress)
  const run = <Spec, Summary>(
    kind: JobKind,
    processor: Processor<Spec, Summary>,
    spec: Spec,
    inputs: Inputs,
  ): Promise<string> => runOnce(context, engine, { kind, processor, spec, inputs })
  return {
    async prepare({ dataset: ofDataset, tokenizer: ofTokenizer }) {
      const dataset = await run('Dataset', processDataset, ofDataset, {})
      return { dataset, tokenizer: await run('TokenizerBuild', processTokenizerBuild, ofTokenizer, { dataset }) }
    },
    async train(spec, inputs) {
      const before = cpuSeconds()
      const digest = await run('TrainingRun', processEgaTrainingRun, spec, inputs)
      const { manifest } = await context.store.open(digest)
      const { stages = [] } = manifest.metadata.summary as unknown as TrainingSummary
      return { digest, stages: stages.map(({ name, digest }) => ({ name, digest })), cpuSeconds: cpuSeconds() - before }
    },
    async evaluate(spec, inputs) {
      const before = cpuSeconds()
      return { digest: await run('Evaluation', processEvaluation, spec, inputs), cpuSeconds: cpuSeconds() - before }
    },
    markets: async (digest) => readMarkets(await context.store.open(digest)),
  }
}

interface Job<Spec, Summary> {
  readonly kind: JobKind
  readonly processor: Processor<Spec, Summary>
  readonly spec: Spec
  readonly inputs: Inputs
}

/** The digest of the job's artifact, found or made. */
async function runOnce<Spec, Summary>(
  context: ProcessorContext,
  engine: string,
  { kind, processor, spec, inputs }: Job<Spec, Summary>,
): Promise<string> {
  const { store } = context
  const namespace = 'bench'
  const inputDigest = digestOf({ kind, spec: spec as JsonObject, inputs, engine })
  const found = await store.findByInput(namespace, inputDigest)
  if (found !== undefined) return found.digest
  const payload: JobPayload<Spec> = {
    ...{ kind, namespace, name: kind.toLowerCase(), uid: kind, attempt: 1, engine },
    ...{ inputDigest, spec, inputs: { ...inputs } },
  }
  const { artifact } = await processor(payload, context)
  await store.recordInput(namespace, inputDigest, artifact.digest)
  return artifact.digest
}
