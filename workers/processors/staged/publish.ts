// From trained stages to the artifact of a run and its summary.

import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import type { StageRecord } from '../../ranker/auction-model.ts'
import { modelKind } from '../../ranker/model-artifact.ts'
import type { StageMetrics } from '../../ranker/stage-training.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import type { Spec } from './settings.ts'
import type { Sources } from './sources.ts'
import type { FinishedStage } from './stages.ts'

export interface StagedModel {
  readonly architecture: Exclude<Spec['model']['architecture'], 'DecoderOnly'>
  readonly sources: Pick<Sources, 'pinned' | 'tokenizer'>
  readonly weights: Readonly<Record<string, Float32Array | undefined>>
  readonly stages: readonly FinishedStage[]
  /** Writes the files of the artifact. */
  write(directory: string): Promise<void>
}

export const recordsOf = (stages: readonly FinishedStage[]): StageRecord[] =>
  stages.map(({ name, digest, epoch, history }) => ({ name, digest, epoch, history }))

/** Publishes the model that the stages made. */
export async function publishStaged(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { architecture, sources, weights, stages, write }: StagedModel,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { pinned, tokenizer } = sources
  const summary = summaryOf(weights, stages)
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: modelKind,
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        architecture,
        datasetDigest: pinned.dataset,
        tokenizerDigest: pinned.tokenizer,
        ...(tokenizer.vocabulary === undefined ? {} : { vocabulary: tokenizer.vocabulary }),
        summary: { ...summary },
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    write,
  )
  context.log.info('Trained a model', { stages: stages.map(({ name }) => name), digest: artifact.digest })
  return {
    artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes },
    summary: {
      ...summary,
      stages: summary.stages?.map((stage, index) => ({ ...stage, reused: stages[index].reused })) ?? [],
    },
  }
}

/** Whether a stage was found is no part of the artifact: two equal runs have equal bytes. */
function summaryOf(weights: StagedModel['weights'], stages: readonly FinishedStage[]): TrainingSummary {
  const last = stages.at(-1)
  const parameters = Object.values(weights).reduce((sum, vector) => sum + (vector?.length ?? 0), 0)
  return {
    epochs: last?.history.length ?? 0,
    bestEpoch: last?.epoch ?? 0,
    trainingLoss: last?.history[last.epoch - 1]?.loss ?? 0,
    parameters,
    stages: stages.map(({ name, digest, epoch, history }) => ({
      name,
      digest,
      epochs: history.length,
      reused: false,
      metrics: metricsAt(history, epoch),
    })),
  }
}

const metricsAt = (history: readonly StageMetrics[], epoch: number): Record<string, number> => ({
  ...(history[epoch - 1] ?? history.at(-1)),
})
