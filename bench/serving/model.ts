import { join } from 'node:path'
import { openDataset } from '../../workers/data/dataset-reader.ts'
import { processDataset } from '../../workers/processors/dataset.ts'
import { processTokenizerBuild } from '../../workers/processors/tokenizer-build.ts'
import { processTrainingRun } from '../../workers/processors/training-run.ts'
import { readRecipe } from '../recommendation/manifests.ts'
import { contextIn, work } from '../recommendation/pipeline.ts'

export interface ModelSize {
  readonly users: number
  readonly items: number
  readonly codebookSize: number
}

/** A model of the shape of examples/amazon-beauty, trained for one epoch: its speed is asked for, not its quality. */
export async function trainServedModel(folder: string, size: ModelSize, progress: (line: string) => void) {
  const recipe = readRecipe(join(folder, 'no-data'))
  const { users, items, codebookSize } = size
  const simulation = { users, items, interests: 16, interactionsPerUser: 12, driftPercent: 20, seed: 1 }
  const context = await contextIn(folder, progress)
  const { interactions: _log, items: _catalogue, ...rest } = recipe.dataset
  const simulated = { ...rest, source: { simulation }, minInteractionsPerUser: 1 }
  const ingested = await work(context, 'Dataset', processDataset, simulated, {})
  const dataset = ingested.artifact.digest
  const tokenizer = { ...recipe.tokenizer, codebookSize }
  const built = await work(context, 'TokenizerBuild', processTokenizerBuild, tokenizer, { dataset })
  const training = { ...recipe.training, maxEpochs: 1 }
  const inputs = { dataset, tokenizer: built.artifact.digest }
  const { artifact } = await work(context, 'TrainingRun', processTrainingRun, training, inputs)
  return {
    store: context.store,
    digest: artifact.digest,
    dataset: await openDataset(await context.store.open(dataset)),
  }
}
