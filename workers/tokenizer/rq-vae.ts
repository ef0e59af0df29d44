// RQ-VAE: a network learns vectors to code, their codes, and the way back, together (TIGER, arXiv 2305.05065, section
// 3.1).

import { columnsOf, standardizedByBlock, unscaled } from './input-scale.ts'
import { type LearnedNetwork, type NetworkOptions, type NetworkTask, trainRqVae } from './rq-vae-training.ts'

export interface RqVaeOptions extends NetworkOptions {
  readonly latentDimensions: number
  /** Whether all dimensions of a kind of features get the same variance before the network sees them. */
  readonly standardize: boolean
}

/** Points an entry that the start looks at, where a batch has fewer. */
const startPerEntry = 16

/**
 * @param features [items, dimensions], mean 0
 * @throws TokenizerSpecError when the loss is no number any more
 */
export function learnRqVae(features: Float32Array, rqvae: RqVaeOptions, task: NetworkTask): Promise<LearnedNetwork> {
  const { hidden, latentDimensions, standardize, batchSize } = rqvae
  const dimensions = columnsOf(task.blocks)
  return trainRqVae(
    features,
    { dimensions, hidden, latentDimensions },
    {
      ...task,
      options: rqvae,
      scale: standardize ? standardizedByBlock(features, task.blocks) : unscaled(dimensions),
      mostAtStart: Math.max(batchSize, startPerEntry * task.codebookSize),
      field: 'rqvae',
    },
  )
}
