// Stages of a run as artifacts of their own, found by the digest of what decides them: runs that are equal up to a stage
// train it once.

import type { JobPayload } from '../../../crds/jobs.ts'
import { digestOf } from '../../artifacts/digest.ts'
import {
  readStageCheckpoint,
  readStageResult,
  type StageOutcome,
  writeStageCheckpoint,
  writeStageResult,
} from '../../ranker/stage-files.ts'
import {
  StageDivergedError,
  type StagePorts,
  type StageProgress,
  type StageResult,
} from '../../ranker/stage-training.ts'
import type { ProcessorContext } from '../context.ts'
import { JobError } from '../job-error.ts'
import type { Spec } from './settings.ts'

export type StageName = 'pretrain' | 'reward' | 'allocation' | 'ranking' | 'payment'

export interface FinishedStage extends StageOutcome {
  readonly name: StageName | 'joint'
  readonly digest: string
  /** Whether another run, or an earlier attempt of this one, had trained it. */
  readonly reused: boolean
}

export interface StageJob {
  readonly name: StageName
  /** What decides the result, as a value of JSON: fields of the spec, digests of the data and of the stages before. */
  readonly inputs: object
  /** The state before the first step. */
  start(): StageProgress | Promise<StageProgress>
  train(start: StageProgress, ports: StagePorts): Promise<StageResult>
}

export interface StageHost {
  readonly context: ProcessorContext
  readonly namespace: string
  /** Engine that the digests are computed for. */
  readonly engine: string
  readonly checkpointSteps: number
}

export const stageHost = ({ namespace, engine, spec }: JobPayload<Spec>, context: ProcessorContext): StageHost => ({
  context,
  namespace,
  engine,
  checkpointSteps: spec.checkpointSteps,
})

/** Milliseconds between two reports. */
const reportInterval = 500

const kind = 'ModelStage'

/** The stage's result: found, or trained from its newest checkpoint. @throws JobError where training diverges */
export async function runStageJob({ name, inputs, start, train }: StageJob, host: StageHost): Promise<FinishedStage> {
  const { context, namespace, engine } = host
  const { store } = context
  const inputDigest = digestOf({ stage: name, inputs, engine })
  const found = await store.findByInput(namespace, inputDigest)
  if (found !== undefined) {
    context.log.info('Takes a stage that was trained before', { stage: name, digest: found.digest })
    return { name, digest: found.digest, reused: true, ...(await readStageResult(await store.open(found.digest))) }
  }
  const checkpoints = store.checkpoints(namespace, inputDigest)
  const checkpoint = await checkpoints.latest()
  if (checkpoint !== undefined) context.log.info('Goes on from a checkpoint', { stage: name, step: checkpoint.step })
  const from = checkpoint === undefined ? await start() : await readStageCheckpoint(checkpoint)
  const settled: StagePorts['settled'] = async (step, snapshot) => {
    if (step % host.checkpointSteps !== 0) return
    const fill = (directory: string) => writeStageCheckpoint(directory, snapshot())
    await checkpoints.write(step, context.startToken, fill, () => context.mayWrite())
  }
  const outcome = await trained(name, () => train(from, portsOf(name, context, settled)))
  await context.mayWrite()
  const artifact = await store.publish(
    {
      kind,
      inputDigest,
      createdBy: { engine },
      metadata: { stage: name, metrics: { ...outcome.history.at(-1) } },
      provenance: { namespace, finishedAt: context.now() },
    },
    (directory) => writeStageResult(directory, outcome),
  )
  await store.recordInput(namespace, inputDigest, artifact.digest)
  await checkpoints.remove()
  const { parameters, history, epoch } = outcome
  return { name, digest: artifact.digest, reused: false, parameters, history, epoch }
}

/** @throws JobError where training diverges */
export async function trained(name: StageName, train: () => Promise<StageResult>): Promise<StageResult> {
  try {
    return await train()
  } catch (error) {
    if (error instanceof StageDivergedError)
      throw new JobError('Diverged', `Stage ${name}: ${error.message}`, { retryable: false, cause: error })
    throw error
  }
}

/** Reports of a stage; `settled` writes its checkpoints. */
export function portsOf(name: StageName, context: ProcessorContext, settled: StagePorts['settled']): StagePorts {
  let reported = Number.NEGATIVE_INFINITY
  return {
    stepped: async ({ step, totalSteps, epoch, metrics }) => {
      context.signal.throwIfAborted()
      if (context.now() - reported < reportInterval) return
      reported = context.now()
      await context.progress({ phase: name, step, totalSteps, metrics: { epoch, ...metrics } })
    },
    settled,
    epochEnded: (epoch, metrics) => context.log.info('Ended an epoch', { stage: name, epoch, ...metrics }),
  }
}
