// The models that an Evaluation measures, opened one after another.

import type { JobPayload } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import { hasAuction, openAuctionRecommender } from '../decoding/auction/open-auction-model.ts'
import { openRecommender } from '../decoding/recommender.ts'
import { championName } from '../evaluation/evaluate.ts'
import type { TrainedRecommender } from '../evaluation/recommender.ts'
import type { ProcessorContext } from './context.ts'
import { JobError } from './job-error.ts'

export type OpenModel = (
  digest: string,
  options: { store: ProcessorContext['store']; threads: number; beamSize: number; cutoff: number },
) => Promise<TrainedRecommender>

export const openTrained: OpenModel = async (digest, options) => {
  const artifact = await options.store.open(digest)
  if (hasAuction(artifact)) return openAuctionRecommender(artifact, options.threads)
  const { name, model, datasetDigest, recommend, score, release } = await openRecommender(digest, options)
  return { name, datasetDigest, itemIds: model.itemIds, recommend, score, release }
}

export interface MeasuredModel {
  readonly digest: string
  /** As it stands before the names of its metrics. */
  readonly name: string
  readonly phase: string
}

export const modelsOf = ({ inputs }: Pick<JobPayload, 'inputs'>): MeasuredModel[] => [
  { digest: inputs.model, name: '', phase: 'Model' },
  ...(inputs.champion === undefined ? [] : [{ digest: inputs.champion, name: championName, phase: 'Champion' }]),
]

export interface Opening {
  readonly openModel: OpenModel
  /** Length of the lists that it will be asked for. */
  readonly cutoff: number
}

/** One after another: two sets of weights in memory at once would need twice as much. */
export async function forEachModel(
  payload: JobPayload<Pick<Evaluation['spec'], 'beamSize'>>,
  { store, threads }: ProcessorContext,
  { openModel, cutoff }: Opening,
  use: (model: TrainedRecommender, measured: MeasuredModel) => Promise<void>,
): Promise<void> {
  for (const measured of modelsOf(payload)) {
    const model = await openModel(measured.digest, { store, threads, beamSize: payload.spec.beamSize, cutoff })
    try {
      await use(model, measured)
    } finally {
      await model.release()
    }
  }
}

/** A model of another revision of the data is translated by item ids, where there are any that it knows. @throws JobError */
export function checkSharesItems(dataset: Dataset, model: TrainedRecommender, name: string): void {
  if (model.itemIds.some((id) => dataset.findItem(id) !== undefined)) return
  const message = `No item of the Dataset is known to the model ${model.name}, which learned ${model.datasetDigest}: name a model of the same catalogue in spec.${name === '' ? 'model' : 'champion'}.`
  throw new JobError('ModelOfOtherItems', message, { retryable: false })
}
