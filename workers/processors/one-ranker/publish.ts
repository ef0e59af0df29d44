import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import { type OneRankerDescription, type OneRankerModel, writeOneRanker } from '../../ranker/one-ranker/artifact.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import { descriptionOf, publishStaged, type TrainedRun } from '../staged/publish.ts'
import type { Spec } from '../staged/settings.ts'
import type { OneRankerInputs } from './inputs.ts'

/** Publishes the model that the stages made. */
export function publishOneRanker(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  run: TrainedRun<OneRankerInputs, OneRankerModel['weights']>,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { inputs, weights, stages } = run
  const { listLength } = inputs.oneRanker
  const description: OneRankerDescription = descriptionOf('OneRanker', run, { listLength })
  const write = (directory: string) => writeOneRanker(directory, { ...inputs.model, weights, description })
  return publishStaged(payload, context, { description, weights, stages, write })
}
