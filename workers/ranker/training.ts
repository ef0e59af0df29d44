// The training loop: epochs of steps, validation after each epoch, early stopping, checkpoints. Everything that it
// decides follows from its options and its state, so that a run resumed from a checkpoint ends with the same bytes.

import { type BatchPlan, type Bucket, countBatches, fillBatch, planEpoch } from '../data/batches.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import { type TrainingWindows, trainingWindows } from '../data/sequences.ts'
import { adamWDefaults } from '../tensor/optimizer.ts'
import { initialParameters } from '../tensor/parameters.ts'
import { type Schedule, stepScalars } from '../tensor/schedules.ts'
import { Session } from '../tensor/session.ts'
import { freshState, type OptimizerState, TrainingState } from '../tensor/training-state.ts'
import { trainingStep } from '../tensor/training-step.ts'
import { type RankerShape, rankerLayout } from './architecture.ts'
import { batchTensors, bucketsFor } from './batches.ts'
import type { Catalogue } from './catalogue.ts'
import { DropoutMasks, type DropoutPlace, largestMask } from './dropout.ts'
import type { EpochMetrics } from './model-artifact.ts'
import { type BatchSize, dropoutPlaces, type Regularization, trainingModel } from './training-model.ts'

/** Second moments of the short runs that rankers need settle faster with 0.98 than with Adam's usual 0.999. */
export const betas = [0.9, 0.98] as const

export interface TrainingOptions {
  readonly shape: RankerShape
  readonly regularization: Regularization
  /** Total steps of a cosine are filled in here. */
  readonly schedule: { readonly kind: Schedule['kind']; readonly peak: number; readonly warmupSteps: number }
  readonly weightDecay: number
  /** 0: not clipped. */
  readonly clipNorm: number
  readonly batchSize: number
  readonly maxEpochs: number
  /** Epochs without improvement after which training ends; 0: never. */
  readonly patienceEpochs: number
  readonly seed: number
  readonly threads: number
}

/** Where a run stands; what a checkpoint holds. */
export interface Progress {
  readonly optimizer: OptimizerState
  /** The epoch under way, from 1. */
  readonly epoch: number
  /** Batches of it that are done. */
  readonly batch: number
  /** Sums over those: of loss times positions, and of positions. */
  readonly lossSum: number
  readonly weightSum: number
  readonly history: readonly EpochMetrics[]
  readonly best: { readonly epoch: number; readonly parameters: Float32Array } | undefined
}

export interface TrainingReport {
  readonly step: number
  readonly totalSteps: number
  readonly epoch: number
  readonly loss: number
}

/** What the loop needs of the world. What any of these throws ends the run. */
export interface TrainingPorts {
  /** Quality on the validation part of the parameters as they are. */
  validate(parameters: Float32Array): Promise<{ ndcg: number; recall: number }>
  /** After every step. */
  stepped(report: TrainingReport): Promise<void>
  /** After every step and its validation; `snapshot` copies the state for a checkpoint. */
  settled(step: number, snapshot: () => Progress): Promise<void>
  epochEnded(metrics: EpochMetrics): void
}

export interface TrainingResult {
  readonly parameters: Float32Array
  readonly bestEpoch: number
  readonly history: readonly EpochMetrics[]
}

/** A loss that is no number any more: more of the same cannot help. */
export class DivergedError extends Error {
  constructor(step: number, epoch: number) {
    super(
      `The loss was not finite at step ${step} (epoch ${epoch}): lower spec.optimizer.learningRate, raise spec.optimizer.warmupSteps or set spec.optimizer.clipNorm`,
    )
    this.name = 'DivergedError'
  }
}

/** A state before the first step. */
export const initialProgress = (shape: RankerShape, seed: number): Progress =>
  progressFrom(initialParameters(rankerLayout(shape), seed))

/** A state before the first step that starts from these parameters, with a fresh optimiser. */
export const progressFrom = (parameters: Float32Array): Progress => ({
  optimizer: freshState(parameters),
  epoch: 1,
  batch: 0,
  lossSum: 0,
  weightSum: 0,
  history: [],
  best: undefined,
})

const bestOf = (history: readonly EpochMetrics[]): EpochMetrics | undefined =>
  history.reduce<EpochMetrics | undefined>(
    (best, metrics) => (best === undefined || metrics.validationNdcg > best.validationNdcg ? metrics : best),
    undefined,
  )

/** Whether training is over after these epochs. */
export const isFinished = (
  history: readonly EpochMetrics[],
  { maxEpochs, patienceEpochs }: Pick<TrainingOptions, 'maxEpochs' | 'patienceEpochs'>,
): boolean => {
  const best = bestOf(history)
  if (best === undefined) return false
  const last = history[history.length - 1].epoch
  return last >= maxEpochs || (patienceEpochs > 0 && last - best.epoch >= patienceEpochs)
}

const sizeOf = ({ batchSize, length }: Bucket): BatchSize => ({ sequences: batchSize, positions: length })

export class Training {
  readonly #options: TrainingOptions
  readonly #catalogue: Catalogue
  readonly #dataset: Dataset
  readonly #ports: TrainingPorts
  readonly #windows: TrainingWindows
  readonly #buckets: readonly Bucket[]
  readonly #sessions = new Map<Bucket, Session>()
  readonly #schedule: Schedule
  readonly totalSteps: number

  constructor(options: TrainingOptions, catalogue: Catalogue, dataset: Dataset, ports: TrainingPorts) {
    this.#options = options
    this.#catalogue = catalogue
    this.#dataset = dataset
    this.#ports = ports
    this.#windows = trainingWindows(dataset, { historyLength: options.shape.historyLength, predictsFirst: true })
    this.#buckets = bucketsFor(this.#windows, options.shape, options.batchSize)
    this.totalSteps = options.maxEpochs * countBatches(this.#windows, this.#buckets)
    const { schedule } = options
    this.#schedule =
      schedule.kind === 'cosine'
        ? { ...schedule, kind: 'cosine', totalSteps: this.totalSteps }
        : { ...schedule, kind: schedule.kind }
  }

  /** Trains from `start` to the end and returns the best epoch. @throws DivergedError */
  async run(start: Progress): Promise<TrainingResult> {
    const state = new TrainingState(start.optimizer)
    let progress: Omit<Progress, 'optimizer'> = start
    try {
      while (!isFinished(progress.history, this.#options)) progress = await this.#epoch(state, progress)
    } finally {
      for (const session of this.#sessions.values()) await session.release()
      this.#sessions.clear()
    }
    const { best, history } = progress
    if (best === undefined) throw new Error('Training ended without an epoch')
    return { parameters: best.parameters, bestEpoch: best.epoch, history }
  }

  async #epoch(state: TrainingState, start: Omit<Progress, 'optimizer'>): Promise<Omit<Progress, 'optimizer'>> {
    const { seed, regularization, shape } = this.#options
    const { epoch } = start
    const plans = planEpoch(this.#windows, { buckets: this.#buckets, seed, epoch })
    const places = new Map(this.#buckets.map((bucket) => [bucket, dropoutPlaces(shape, sizeOf(bucket))]))
    const masks = new DropoutMasks(seed, epoch, regularization.dropout, largestMask([...places.values()]))
    let progress = start
    for (let index = start.batch; index < plans.length; index++) {
      const { loss, weight } = await this.#step(state, plans[index], masks, places.get(plans[index].bucket) ?? [])
      if (!Number.isFinite(loss)) throw new DivergedError(state.step, epoch)
      progress = {
        ...progress,
        batch: index + 1,
        lossSum: progress.lossSum + loss * weight,
        weightSum: progress.weightSum + weight,
      }
      await this.#ports.stepped({ step: state.step, totalSteps: this.totalSteps, epoch, loss })
      if (index + 1 === plans.length) progress = await this.#validated(state.parameters, progress)
      const settled = progress
      await this.#ports.settled(state.step, () => ({ ...settled, optimizer: state.snapshot() }))
    }
    return progress
  }

  async #step(state: TrainingState, plan: BatchPlan, masks: DropoutMasks, places: readonly DropoutPlace[]) {
    const batch = fillBatch(this.#dataset, this.#windows, plan, 0)
    const tensors = {
      ...batchTensors(batch, this.#options.shape, this.#catalogue),
      ...masks.step(state.step + 1, places),
    }
    const scalars = stepScalars(this.#schedule, betas, state.step + 1)
    return state.advance(await this.#session(plan.bucket), tensors, scalars)
  }

  async #validated(
    parameters: Float32Array,
    { epoch, lossSum, weightSum, history, best }: Omit<Progress, 'optimizer'>,
  ): Promise<Omit<Progress, 'optimizer'>> {
    if (!parameters.every(Number.isFinite)) throw new DivergedError(epoch, epoch)
    const { ndcg, recall } = await this.#ports.validate(parameters)
    const metrics: EpochMetrics = {
      epoch,
      trainingLoss: lossSum / Math.max(1, weightSum),
      validationNdcg: ndcg,
      validationRecall: recall,
    }
    this.#ports.epochEnded(metrics)
    const extended = [...history, metrics]
    const improved = bestOf(extended) === metrics
    return {
      epoch: epoch + 1,
      batch: 0,
      lossSum: 0,
      weightSum: 0,
      history: extended,
      best: improved ? { epoch, parameters: parameters.slice() } : best,
    }
  }

  async #session(bucket: Bucket): Promise<Session> {
    const known = this.#sessions.get(bucket)
    if (known !== undefined) return known
    const { shape, regularization, weightDecay, clipNorm, threads } = this.#options
    const optimizer = { ...adamWDefaults, betas, weightDecay }
    const { clipNorm: _unclipped, ...unclipped } = optimizer
    const model = trainingStep(trainingModel(shape, this.#catalogue.trie, sizeOf(bucket), regularization), {
      optimizer: clipNorm === 0 ? unclipped : { ...optimizer, clipNorm },
    })
    const session = await Session.create(model, { threads })
    this.#sessions.set(bucket, session)
    return session
  }
}
