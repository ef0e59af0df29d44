import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import { type OneRankerDescription, type OneRankerModel, writeOneRanker } from '../../ranker/one-ranker/artifact.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import { publishStaged, recordsOf } from '../staged/publish.ts'
import type { Spec } from '../staged/settings.ts'
import type { FinishedStage } from '../staged/stages.ts'
import type { OneRankerInputs } from './inputs.ts'

export interface TrainedOneRankerRun {
  readonly inputs: OneRankerInputs
  readonly weights: OneRankerModel['weights']
  readonly stages: readonly FinishedStage[]
}

/** Publishes the model that the stages made. */
export function publishOneRanker(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { inputs, weights, stages }: TrainedOneRankerRun,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { model, sources, auction, oneRanker } = inputs
  const { pinned, tokenizer } = sources
  const description: OneRankerDescription = {
    schemaVersion: 1,
    architecture: 'OneRanker',
    shapes: model.shapes,
    listLength: oneRanker.listLength,
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
    architecture: 'OneRanker',
    sources,
    weights: { ...weights },
    stages,
    write: (directory) => writeOneRanker(directory, { ...model, weights, description }),
  })
}
