// RQ-k-means+: residual k-means, then the updates of an RQ-VAE (GPR, arXiv 2511.10138, section 2.1). The network only
// moves what it is given, and not at all at first: learning goes on from where residual k-means ends.

import { columnsOf, unscaled } from './input-scale.ts'
import { type LearnedNetwork, type NetworkOptions, type NetworkTask, trainRqVae } from './rq-vae-training.ts'

/**
 * @param features [items, dimensions], mean 0; the network sees them as they are, since codes of scaled ones would not
 *   start as those of residual k-means
 * @throws TokenizerSpecError when the loss is no number any more
 */
export function learnRqKMeansPlus(
  features: Float32Array,
  options: NetworkOptions,
  task: NetworkTask,
): Promise<LearnedNetwork> {
  const dimensions = columnsOf(task.blocks)
  return trainRqVae(
    features,
    { dimensions, hidden: options.hidden, latentDimensions: dimensions, residual: true },
    { ...task, options, scale: unscaled(dimensions), field: 'rqKMeansPlus' },
  )
}
