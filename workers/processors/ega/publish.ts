import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import { type EgaDescription, type EgaModel, writeEgaModel } from '../../ranker/ega/ega-artifact.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import { descriptionOf, publishStaged, type TrainedRun } from '../staged/publish.ts'
import type { Spec } from '../staged/settings.ts'
import type { EgaInputs } from './inputs.ts'

/** Publishes the model that the stages made. */
export function publishEga(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  run: TrainedRun<EgaInputs, EgaModel['weights']>,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { inputs, weights, stages } = run
  const description: EgaDescription = descriptionOf('EGAV2', run, {})
  const write = (directory: string) => writeEgaModel(directory, { ...inputs.model, weights, description })
  return publishStaged(payload, context, { description, weights, stages, write })
}
