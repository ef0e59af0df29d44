// Runs in stages over the small world, whatever their architecture.

import type { JobPayload, TrainingSummary } from '../../../../crds/jobs.ts'
import { type TrainingRun, trainingRun } from '../../../../crds/kinds/training-run.ts'
import type { ProcessorContext, ProcessorOutcome, ProgressUpdate } from '../../../../workers/processors/context.ts'
import { contextIn, payloadOf, type World, withDefaults } from './small-world.ts'

export type Spec = TrainingRun['spec']

/** What the runs of all architectures have. */
export const smallSpecOf = (model: object, stages: object, maxEpochs: number): Spec =>
  withDefaults(trainingRun.spec, {
    datasetRef: { name: 'market' },
    tokenizerRef: { name: 'market' },
    model: { layers: 1, hiddenSize: 8, heads: 2, feedForwardSize: 8, historyLength: 3, contentDimensions: 4, ...model },
    stages,
    optimizer: { batchSize: 32, warmupSteps: 1 },
    maxEpochs,
    checkpointSteps: 1,
  })

/** Fields of a model that both architectures have. */
export const smallParts = {
  listLength: 3,
  historyTokens: 'Summed',
  reward: { hiddenSize: 8, heads: 2, towers: [4] },
  payment: { hidden: [4] },
}

type Process = (payload: JobPayload<Spec>, context: ProcessorContext) => Promise<ProcessorOutcome<TrainingSummary>>

export interface TrainOptions {
  /** Stages are shared within one only. */
  readonly namespace?: string
  readonly stopAt?: (update: ProgressUpdate) => boolean
}

export const trainBy =
  (process: Process) =>
  async (world: World, spec: Spec, { namespace, stopAt }: TrainOptions = {}) => {
    const context = contextIn(world, stopAt)
    const outcome = await process(payloadOf('TrainingRun', spec, { ...world.inputs }, namespace), context)
    return { ...outcome, updates: context.updates }
  }

/** Whether each stage of a run was found, by its name. */
export const reusedStages = ({ summary }: { readonly summary: TrainingSummary }) =>
  Object.fromEntries((summary.stages ?? []).map(({ name, reused }) => [name, reused]))
