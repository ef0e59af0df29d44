import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import { type EgaDescription, type EgaModel, writeEgaModel } from '../../ranker/ega/ega-artifact.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import { publishStaged, recordsOf } from '../staged/publish.ts'
import type { Spec } from '../staged/settings.ts'
import type { FinishedStage } from '../staged/stages.ts'
import type { EgaInputs } from './inputs.ts'

export interface TrainedEgaRun {
  readonly inputs: EgaInputs
  readonly weights: EgaModel['weights']
  readonly stages: readonly FinishedStage[]
}

/** Publishes the model that the stages made. */
export function publishEga(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { inputs, weights, stages }: TrainedEgaRun,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { model, sources, auction } = inputs
  const { pinned, tokenizer } = sources
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
    stages: recordsOf(stages),
  }
  return publishStaged(payload, context, {
    architecture: 'EGAV2',
    sources,
    weights: { ...weights },
    stages,
    write: (directory) => writeEgaModel(directory, { ...model, weights, description }),
  })
}
