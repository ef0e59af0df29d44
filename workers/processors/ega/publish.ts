import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import { type EgaDescription, type EgaModel, writeEgaModel } from '../../ranker/ega/ega-artifact.ts'
import { modelKind } from '../../ranker/model-artifact.ts'
import type { StageMetrics } from '../../ranker/stage-training.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import type { EgaInputs } from './inputs.ts'
import type { Spec } from './settings.ts'
import type { FinishedStage } from './stages.ts'

export interface TrainedEgaRun {
  readonly inputs: EgaInputs
  readonly weights: EgaModel['weights']
  readonly stages: readonly FinishedStage[]
}

/** Publishes the model that the stages made. */
export async function publishEga(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { inputs, weights, stages }: TrainedEgaRun,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { model, pinned, tokenizer, auction } = inputs
  const summary = summaryOf(weights, stages)
  const description: EgaDescription = {
    schemaVersion: 1,
    architecture: 'EGAV2',
    shapes: model.shapes,
    fold: inputs.stages.reward?.fold ?? null,
    auction,
    itemCount: model.catalogue.items.itemCount,
    creativeCount: model.catalogue.creatives?.count ?? 0,
    datasetDigest: pinned.dataset,
    tokenizerDigest: pinned.tokenizer,
    vocabulary: tokenizer.vocabulary ?? null,
    stages: stages.map(({ name, digest, epoch, history }) => ({ name, digest, epoch, history })),
  }
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: modelKind,
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        architecture: 'EGAV2',
        datasetDigest: pinned.dataset,
        tokenizerDigest: pinned.tokenizer,
        ...(tokenizer.vocabulary === undefined ? {} : { vocabulary: tokenizer.vocabulary }),
        summary: { ...summary },
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    (directory) => writeEgaModel(directory, { ...model, weights, description }),
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
function summaryOf(weights: EgaModel['weights'], stages: readonly FinishedStage[]): TrainingSummary {
  const last = stages.at(-1)
  const sizes = [weights.generator, weights.reward, weights.payment].map((vector) => vector?.length ?? 0)
  return {
    epochs: last?.history.length ?? 0,
    bestEpoch: last?.epoch ?? 0,
    trainingLoss: last?.history[last.epoch - 1]?.loss ?? 0,
    parameters: sizes.reduce((sum, size) => sum + size, 0),
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
