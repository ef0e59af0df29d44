// Learns an RQ-VAE: encoder, decoder and codebooks together (TIGER, arXiv 2305.05065, section 3.1).

import { adamWDefaults } from '../tensor/optimizer.ts'
import { initialParameters, type ParameterLayout } from '../tensor/parameters.ts'
import { Random } from '../tensor/random.ts'
import { stepScalars } from '../tensor/schedules.ts'
import { float32, Session } from '../tensor/session.ts'
import { freshState, TrainingState } from '../tensor/training-state.ts'
import { trainingStep } from '../tensor/training-step.ts'
import { type Autoencoder, autoencoderLayout } from './autoencoder.ts'
import { openHalf } from './code-space.ts'
import { moveDeadCodes } from './dead-codes.ts'
import { TokenizerSpecError } from './errors.ts'
import { type ColumnBlock, scaleInputs, standardizedByBlock, unscaled } from './input-scale.ts'
import { createNearestCentroids, type NearestCentroids } from './nearest.ts'
import { type Codebooks, encodeNearest, quantizeResiduals } from './residual-quantizer.ts'
import { pickRows } from './rows.ts'
import { codebookName, type RqVaeShape, rqVaeModel } from './rq-vae-loss.ts'

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

export interface RqVaeTask {
  /** Columns of the features. */
  readonly blocks: readonly ColumnBlock[]
  readonly levels: number
  readonly codebookSize: number
  /** Of the k-means that the codebooks start from. */
  readonly iterations: number
  readonly seed: number
  readonly rqvae: RqVaeOptions
  /** Threads to train with; the result does not depend on it. */
  readonly threads: number
  /** Called between steps, with the epochs done; what it throws ends the work. */
  readonly onStep?: (epochsDone: number) => Promise<void>
  readonly onStartIteration?: (level: number, iteration: number) => Promise<void>
}

export interface RqVae {
  readonly autoencoder: Autoencoder
  /** Over latent vectors. */
  readonly codebooks: Codebooks
}

/** Points an entry that the start looks at, where a batch has fewer. */
const startPerEntry = 16
/** Points that are looked at for entries in use. */
const mostUsagePoints = 65_536

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
  const codes = await openLatentCodes(shape, model.layout)
  const session = await Session.create(trainingStep(model, { optimizer: adamWDefaults }), { threads: task.threads })
  try {
    const parameters = initialParameters(model.layout, seed)
    await codes.start(parameters, inputs, task, Math.max(batchSize, startPerEntry * shape.codebookSize))
    let state = new TrainingState(freshState(parameters))
    for (let epoch = 1; epoch <= rqvae.epochs; epoch++) {
      await trainEpoch(state, session, inputs, { ...task, epoch, batchSize, dimensions })
      // What is moved at the end would not be trained any more.
      const resets = rqvae.resetEpochs > 0 && epoch % rqvae.resetEpochs === 0 && epoch < rqvae.epochs
      if (resets) state = await codes.revive(state, inputs, new Random(seed, 'dead codes', epoch))
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
    await codes.release()
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
    const { loss } = await state.advance(session, { features: float32([batchSize, dimensions], batch) }, scalars)
    if (!Number.isFinite(loss)) {
      const message = `the loss of the RQ-VAE was ${loss} in epoch ${epoch.epoch}, step ${step + 1} of ${steps}; lower it`
      throw new TokenizerSpecError('Diverged', 'rqvae.learningRate', message)
    }
    await epoch.onStep?.(step + 1 < steps ? epoch.epoch - 1 : epoch.epoch)
  }
}

/** Codebooks on the latent vectors of weights that still change. */
async function openLatentCodes(shape: RqVaeShape, layout: ParameterLayout) {
  const { size } = autoencoderLayout(shape)
  const encoder = await openHalf('encoder', shape)
  let nearest: NearestCentroids | undefined
  const opened = async (): Promise<NearestCentroids> => {
    nearest ??= await createNearestCentroids(shape.latentDimensions)
    return nearest
  }
  const sample = (inputs: Float32Array, random: Random, most: number): Float32Array => {
    const order = random.permutation(inputs.length / shape.dimensions)
    return pickRows(inputs, order.subarray(0, most), shape.dimensions)
  }
  return {
    /** Residual k-means on the latent vectors of a first batch. */
    async start(parameters: Float32Array, inputs: Float32Array, task: RqVaeTask, most: number): Promise<void> {
      const { levels, iterations, seed, onStartIteration } = task
      const first = sample(inputs, new Random(seed, 'rq-vae start'), most)
      const latent = await encoder.apply(parameters.subarray(0, size), first)
      const { codebooks } = await quantizeResiduals(latent, {
        dimensions: shape.latentDimensions,
        levels,
        codebookSize: shape.codebookSize,
        iterations,
        seed,
        nearest: await opened(),
        ...(onStartIteration && { onIteration: onStartIteration }),
      })
      setCodebooks(parameters, codebooks, layout)
    },
    /** A state in which dead entries lie on residuals of points, without momentum. */
    async revive(state: TrainingState, inputs: Float32Array, random: Random): Promise<TrainingState> {
      const points = await encoder.apply(state.parameters.subarray(0, size), sample(inputs, random, mostUsagePoints))
      const codebooks = codebooksIn(state.parameters, shape, layout)
      const codes = await encodeNearest(points, codebooks, await opened())
      const moved = moveDeadCodes(codebooks, points, codes, random)
      if (moved.every((entries) => entries.length === 0)) return state
      const snapshot = state.snapshot()
      setCodebooks(snapshot.parameters, codebooks, layout)
      moved.forEach((entries, level) => {
        const { offset } = codebookIn(layout, level)
        for (const entry of entries) {
          const start = offset + entry * shape.latentDimensions
          snapshot.firstMoment.fill(0, start, start + shape.latentDimensions)
          snapshot.secondMoment.fill(0, start, start + shape.latentDimensions)
        }
      })
      return new TrainingState(snapshot)
    },
    async release(): Promise<void> {
      await encoder.release()
      await nearest?.release()
    },
  }
}

function codebookIn({ parameters }: ParameterLayout, level: number): { offset: number; size: number } {
  const found = parameters.find(({ name }) => name === codebookName(level))
  if (found === undefined) throw new Error(`The layout has no codebook of level ${level}`)
  return found
}

/** Codebooks stand one after another at the end of the layout. */
function codebooksIn(flat: Float32Array, shape: RqVaeShape, layout: ParameterLayout): Codebooks {
  const sizes = Array.from({ length: shape.levels }, () => shape.codebookSize)
  return { dimensions: shape.latentDimensions, sizes, data: flat.slice(codebookIn(layout, 0).offset) }
}

function setCodebooks(flat: Float32Array, { data }: Codebooks, layout: ParameterLayout): void {
  flat.set(data, codebookIn(layout, 0).offset)
}
