// Learns an RQ-VAE: encoder, decoder and codebooks together (TIGER, arXiv 2305.05065, section 3.1).

import { adamWDefaults } from '../tensor/optimizer.ts'
import { initialParameters } from '../tensor/parameters.ts'
import { Random } from '../tensor/random.ts'
import { stepScalars } from '../tensor/schedules.ts'
import { float32, Session } from '../tensor/session.ts'
import { freshState, TrainingState } from '../tensor/training-state.ts'
import { trainingStep } from '../tensor/training-step.ts'
import { type Autoencoder, autoencoderLayout } from './autoencoder.ts'
import { TokenizerSpecError } from './errors.ts'
import { type ColumnBlock, scaleInputs, standardizedByBlock, unscaled } from './input-scale.ts'
import { codebooksIn, openLatentCodebooks, type StartTask } from './latent-codebooks.ts'
import type { Codebooks } from './residual-quantizer.ts'
import { pickRows } from './rows.ts'
import { type RqVaeShape, rqVaeModel } from './rq-vae-loss.ts'

export interface RqVaeOptions {
  readonly hidden: readonly number[]
  readonly latentDimensions: number
  readonly commitment: number
  readonly learningRate: number
  readonly epochs: number
  /** Items of a step; fewer items than that make one step an epoch. */
  readonly batchSize: number
  /** Every so many epochs dead entries are moved; 0: never. */
  readonly resetEpochs: number
  /** Whether all dimensions of a kind of features get the same variance before the network sees them. */
  readonly standardize: boolean
}

export interface RqVaeTask extends Omit<StartTask, 'batchSize'> {
  /** Columns of the features. */
  readonly blocks: readonly ColumnBlock[]
  readonly levels: number
  readonly codebookSize: number
  readonly rqvae: RqVaeOptions
  /** Threads to train with; the result does not depend on it. */
  readonly threads: number
  /** Called between steps, with the epochs done; what it throws ends the work. */
  readonly onStep?: (epochsDone: number) => Promise<void>
}

export interface RqVae {
  readonly autoencoder: Autoencoder
  /** Over latent vectors. */
  readonly codebooks: Codebooks
}

/**
 * @param features [items, dimensions], mean 0
 * @throws TokenizerSpecError when the loss is no number any more
 */
export async function learnRqVae(features: Float32Array, task: RqVaeTask): Promise<RqVae> {
  const { rqvae, blocks, seed } = task
  const dimensions = blocks.reduce((sum, block) => sum + block.dimensions, 0)
  const scale = rqvae.standardize ? standardizedByBlock(features, blocks) : unscaled(dimensions)
  const inputs = scaleInputs(features, scale)
  const count = inputs.length / dimensions
  const shape: RqVaeShape = {
    dimensions,
    hidden: rqvae.hidden,
    latentDimensions: rqvae.latentDimensions,
    levels: task.levels,
    codebookSize: Math.min(task.codebookSize, count),
    commitment: rqvae.commitment,
  }
  const batchSize = Math.min(rqvae.batchSize, count)
  const model = rqVaeModel(shape, batchSize)
  const latentCodebooks = await openLatentCodebooks(shape, model.layout)
  const session = await Session.create(trainingStep(model, { optimizer: adamWDefaults }), { threads: task.threads })
  try {
    const parameters = initialParameters(model.layout, seed)
    await latentCodebooks.start(parameters, inputs, { ...task, batchSize })
    let state = new TrainingState(freshState(parameters))
    for (let epoch = 1; epoch <= rqvae.epochs; epoch++) {
      await trainEpoch(state, session, inputs, { ...task, epoch, batchSize, dimensions })
      // What is moved at the end would not be trained any more.
      const resets = rqvae.resetEpochs > 0 && epoch % rqvae.resetEpochs === 0 && epoch < rqvae.epochs
      if (resets) state = await latentCodebooks.revive(state, inputs, new Random(seed, 'dead codes', epoch))
    }
    const learned = state.parameters.slice()
    const weights = learned.slice(0, autoencoderLayout(shape).size)
    const { hidden, latentDimensions } = rqvae
    return {
      autoencoder: { dimensions, hidden, latentDimensions, scale, weights },
      codebooks: codebooksIn(learned, shape, model.layout),
    }
  } finally {
    await session.release()
    await latentCodebooks.release()
  }
}

interface Epoch extends RqVaeTask {
  /** Counts from 1. */
  readonly epoch: number
  readonly batchSize: number
  readonly dimensions: number
}

/** Every item at most once, in an order of the epoch's own; what does not fill a batch waits for another epoch. */
async function trainEpoch(state: TrainingState, session: Session, inputs: Float32Array, epoch: Epoch): Promise<void> {
  const { batchSize, dimensions, rqvae } = epoch
  const order = new Random(epoch.seed, 'rq-vae epoch', epoch.epoch).permutation(inputs.length / dimensions)
  const steps = Math.floor(order.length / batchSize)
  for (let step = 0; step < steps; step++) {
    const batch = pickRows(inputs, order.subarray(step * batchSize, (step + 1) * batchSize), dimensions)
    const scalars = stepScalars({ kind: 'constant', peak: rqvae.learningRate }, adamWDefaults.betas, state.step + 1)
    const { loss, gradientNorm } = await state.advance(
      session,
      { features: float32([batchSize, dimensions], batch) },
      scalars,
    )
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      const message = `in epoch ${epoch.epoch}, step ${step + 1} of ${steps}, the loss was ${loss} and its gradient ${gradientNorm}; lower it`
      throw new TokenizerSpecError('Diverged', 'rqvae.learningRate', message)
    }
    await epoch.onStep?.(step + 1 < steps ? epoch.epoch - 1 : epoch.epoch)
  }
}
