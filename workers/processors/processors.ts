import type { JobKind, JobPayload, TrainingSummary } from '../../crds/jobs.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'

type AnyProcessor = (payload: JobPayload<never>, context: ProcessorContext) => Promise<ProcessorOutcome<unknown>>

type Trainer = (
  payload: JobPayload<TrainingRun['spec']>,
  context: ProcessorContext,
) => Promise<ProcessorOutcome<TrainingSummary>>

const trainers: Record<TrainingRun['spec']['model']['architecture'], Trainer> = {
  DecoderOnly: async (payload, context) => (await import('./training-run.ts')).processTrainingRun(payload, context),
  EGAV2: async (payload, context) => (await import('./ega/training-run.ts')).processEgaTrainingRun(payload, context),
  OneRanker: async (payload, context) =>
    (await import('./one-ranker/training-run.ts')).processOneRankerTrainingRun(payload, context),
}

/**
 * The processor of each job kind, loaded when it is needed: a thread that reads logs shall not pay for ONNX Runtime.
 * Payloads come from our own operator, so the spec is taken at its word.
 */
export const processors: Record<JobKind, AnyProcessor> = {
  Dataset: async (payload, context) => (await import('./dataset.ts')).processDataset(payload, context),
  TokenizerBuild: async (payload, context) =>
    (await import('./tokenizer-build.ts')).processTokenizerBuild(payload, context),
  TrainingRun: async (payload: JobPayload<TrainingRun['spec']>, context) =>
    trainers[payload.spec.model.architecture](payload, context),
  Evaluation: async (payload, context) => (await import('./evaluation.ts')).processEvaluation(payload, context),
}
