// Learns encoder, decoder and codebooks together: what RQ-VAE and RQ-k-means+ have in common.

import { adamWDefaults } from '../tensor/optimizer.ts'
import { initialParameters } from '../tensor/parameters.ts'
import { Random } from '../tensor/random.ts'
import { stepScalars } from '../tensor/schedules.ts'
import { float32, Session } from '../tensor/session.ts'
import { freshState, TrainingState } from '../tensor/training-state.ts'
import { trainingStep } from '../tensor/training-step.ts'
import { type Autoencoder, type AutoencoderShape, autoencoderLayout } from './autoencoder.ts'
import { TokenizerSpecError } from './errors.ts'
import { type ColumnBlock, type InputScale, scaleInputs } from './input-scale.ts'
import { codebooksIn, openLatentCodebooks, type StartTask } from './latent-codebooks.ts'
import type { Codebooks } from './residual-quantizer.ts'
import { pickRows, sampleRows } from './rows.ts'
import { type RqVaeShape, rqVaeModel } from './rq-vae-loss.ts'

/** What both algorithms are told. */
export interface NetworkOptions {
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. */
  readonly hidden: readonly number[]
  readonly commitment: number
  readonly learningRate: number
  readonly epochs: number
  /** Items of a step; fewer items than that make one step an epoch. */
  readonly batchSize: number
  /** Every so many epochs dead entries are moved; 0: never. */
  readonly resetEpochs: number
}

/** What learns either network; the options themselves stand beside it. */
export interface NetworkTask extends StartTask {
  /** Columns of the features. */
  readonly blocks: readonly ColumnBlock[]
  readonly levels: number
  readonly codebookSize: number
  /** Threads to train with; the result does not depend on it. */
  readonly threads: number
  /** Called between steps, with the epochs done; what it throws ends the work. */
  readonly onStep?: (epochsDone: number) => Promise<void>
}

export interface TrainingTask extends NetworkTask {
  readonly options: NetworkOptions
  readonly scale: InputScale
  /** Codebooks start as clusters of so many items at most; absent: of all. */
  readonly mostAtStart?: number
  /** Field of the spec that holds the options. */
  readonly field: string
}

export interface LearnedNetwork {
  readonly autoencoder: Autoencoder
  /** Over latent vectors. */
  readonly codebooks: Codebooks
}

/**
 * @param features [items, dimensions], mean 0
 * @throws TokenizerSpecError when the loss is no number any more
 */
export async function trainRqVae(
  features: Float32Array,
  network: AutoencoderShape,
  task: TrainingTask,
): Promise<LearnedNetwork> {
  const { options, scale, seed, levels, mostAtStart } = task
  const { epochs, resetEpochs, commitment } = options
  const { dimensions } = network
  const inputs = scaleInputs(features, scale)
  const count = inputs.length / dimensions
  const shape: RqVaeShape = { ...network, levels, codebookSize: Math.min(task.codebookSize, count), commitment }
  const batchSize = Math.min(options.batchSize, count)
  const model = rqVaeModel(shape, batchSize)
  const latentCodebooks = await openLatentCodebooks(shape, model.layout)
  const session = await Session.create(trainingStep(model, { optimizer: adamWDefaults }), { threads: task.threads })
  try {
    const parameters = initialParameters(model.layout, seed)
    const startRandom = new Random(seed, 'rq-vae start')
    const first = mostAtStart === undefined ? inputs : sampleRows(inputs, startRandom, mostAtStart, dimensions)
    await latentCodebooks.start(parameters, first, task)
    let state = new TrainingState(freshState(parameters))
    for (let epoch = 1; epoch <= epochs; epoch++) {
      await trainEpoch(state, session, inputs, { ...task, epoch, batchSize, dimensions })
      // What is moved at the end would not be trained any more.
      const resets = resetEpochs > 0 && epoch % resetEpochs === 0 && epoch < epochs
      if (resets) state = await latentCodebooks.revive(state, inputs, new Random(seed, 'dead codes', epoch))
    }
    const learned = state.parameters.slice()
    return {
      autoencoder: { ...network, scale, weights: learned.slice(0, autoencoderLayout(network).size) },
      codebooks: codebooksIn(learned, shape, model.layout),
    }
  } finally {
    await session.release()
    await latentCodebooks.release()
  }
}

interface Epoch extends TrainingTask {
  /** Counts from 1. */
  readonly epoch: number
  readonly batchSize: number
  readonly dimensions: number
}

/** Every item at most once, in an order of the epoch's own; what does not fill a batch waits for another epoch. */
async function trainEpoch(state: TrainingState, session: Session, inputs: Float32Array, epoch: Epoch): Promise<void> {
  const { batchSize, dimensions, options } = epoch
  const order = new Random(epoch.seed, 'rq-vae epoch', epoch.epoch).permutation(inputs.length / dimensions)
  const steps = Math.floor(order.length / batchSize)
  for (let step = 0; step < steps; step++) {
    const batch = pickRows(inputs, order.subarray(step * batchSize, (step + 1) * batchSize), dimensions)
    const scalars = stepScalars({ kind: 'constant', peak: options.learningRate }, adamWDefaults.betas, state.step + 1)
    const { loss, gradientNorm } = await state.advance(
      session,
      { features: float32([batchSize, dimensions], batch) },
      scalars,
    )
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      const message = `in epoch ${epoch.epoch}, step ${step + 1} of ${steps}, the loss was ${loss} and its gradient ${gradientNorm}; lower it`
      throw new TokenizerSpecError('Diverged', `${epoch.field}.learningRate`, message)
    }
    await epoch.onStep?.(step + 1 < steps ? epoch.epoch - 1 : epoch.epoch)
  }
}
