// The training stage of a reward model: exposed lists in random order, validated after every epoch, calibrated at the
// end.

import { DropoutMasks, largestMask } from '../../ranker/dropout.ts'
import {
  runStage,
  type StagePorts,
  type StageProgress,
  type StageResult,
  stageBetas,
  stageOptimizer,
  stageStart,
} from '../../ranker/stage-training.ts'
import { initialParameters, unpack } from '../../tensor/parameters.ts'
import { Session } from '../../tensor/session.ts'
import { trainingStep } from '../../tensor/training-step.ts'
import { batchOf, batchTensors } from './batches.ts'
import { baseRate, checkData, type ExposedRequests, exposedRequests, type RewardData, requestsOf } from './data.ts'
import { RewardDataError } from './errors.ts'
import type { FoldChoice } from './fold.ts'
import { tableTensors } from './graph-inputs.ts'
import { RewardScorer } from './scorer.ts'
import { rewardDropoutPlaces } from './scores.ts'
import { isTrained, names, type Reward, type RewardShape, rewardLayout, rewardsOf } from './shape.ts'
import { rewardTrainingModel } from './training-model.ts'
import { calibrationOf, outcomesOf, type RewardCalibration, validationMetrics } from './validation.ts'

export interface RewardTrainingOptions extends FoldChoice {
  readonly shape: RewardShape
  readonly epochs: number
  /** Requests of a step. */
  readonly batchSize: number
  /** The highest, reached after a twentieth of the steps; then a cosine down to a twentieth of it. */
  readonly learningRate: number
  readonly weightDecay: number
  /** 0: not clipped. */
  readonly clipNorm: number
  /** Share of activations dropped. */
  readonly dropout: number
  /** Epochs without a lower calibrated loss of the validation part after which training ends; 0: never. */
  readonly patience: number
  readonly calibration: 'None' | 'Platt'
  readonly seed: number
  readonly threads: number
}

export const rewardTrainingDefaults = {
  epochs: 20,
  batchSize: 128,
  learningRate: 2e-3,
  weightDecay: 0.02,
  clipNorm: 1,
  dropout: 0.1,
  patience: 3,
  fold: 'All',
  foldSeed: 0,
  calibration: 'Platt',
} as const satisfies Partial<RewardTrainingOptions>

export interface RewardTrainingResult extends StageResult {
  /** By reward; what the parameters hold of it is applied wherever lists are scored. */
  readonly calibration: Readonly<Partial<Record<Reward, RewardCalibration>>>
}

interface Log {
  readonly log: ExposedRequests
  readonly train: Uint32Array
  readonly validation: Uint32Array
}

/** @throws RewardDataError */
const openLog = (options: RewardTrainingOptions, data: RewardData): Log => {
  checkData(options.shape, data)
  const log = exposedRequests(data)
  const slots = options.shape.listLength
  const train = requestsOf(log, 'train', options, slots)
  const validation = requestsOf(log, 'validation', options, slots)
  const whose = options.fold === 'All' ? '' : ` of the ${options.fold.toLowerCase()} half of its users`
  if (train.length === 0)
    throw new RewardDataError(
      'NoTrainingRequests',
      `The Dataset has no request with an entry exposed in the first ${slots} slots in its training part${whose}`,
    )
  if (validation.length === 0)
    throw new RewardDataError(
      'NoValidationRequests',
      `The Dataset has no request with an entry exposed in the first ${slots} slots in its validation part${whose}: it tells when to stop, and calibrates`,
    )
  const rate = baseRate(log, train, 'ctr', options.shape.listLength)
  if (rate === undefined || rate === 0 || rate === 1)
    throw new RewardDataError(
      'NoClicks',
      `All exposed entries of the training part${whose} are ${rate === 1 ? 'clicked' : 'without a click'}: nothing tells them apart`,
    )
  return { log, train, validation }
}

/**
 * A state before the first step. The towers start at the rates of the log, which they would otherwise spend their first
 * epochs to find.
 * @throws RewardDataError where the log lacks what the model learns from
 */
export const rewardStart = (options: RewardTrainingOptions, data: RewardData): StageProgress => {
  const { shape, seed } = options
  const { log, train } = openLog(options, data)
  const layout = rewardLayout(shape)
  const flat = initialParameters(layout, seed)
  const bias = unpack(flat, layout).get(names.tower(shape.towers.length, 'bias'))
  for (const [tower, reward] of rewardsOf(shape).entries()) {
    const rate = baseRate(log, train, reward, shape.listLength)
    const bounded = Math.min(0.99, Math.max(0.001, rate ?? 0.5))
    bias?.fill(Math.log(bounded / (1 - bounded)), tower, tower + 1)
  }
  return stageStart(flat)
}

/** Writes the calibration into a copy of the parameters. */
const withCalibration = (
  shape: RewardShape,
  parameters: Float32Array,
  calibration: RewardTrainingResult['calibration'],
): Float32Array => {
  const copy = parameters.slice()
  const views = unpack(copy, rewardLayout(shape))
  for (const [tower, reward] of rewardsOf(shape).entries()) {
    views.get(names.slope)?.fill(calibration[reward]?.slope ?? 1, tower, tower + 1)
    views.get(names.intercept)?.fill(calibration[reward]?.intercept ?? 0, tower, tower + 1)
  }
  return copy
}

/**
 * Trains from `start` (`rewardStart`, or a checkpoint) to the end, and calibrates the best epoch on the validation part.
 * @throws RewardDataError, StageDivergedError
 */
export const trainRewardModel = async (
  options: RewardTrainingOptions,
  data: RewardData,
  start: StageProgress,
  ports: StagePorts,
): Promise<RewardTrainingResult> => {
  const { shape, threads } = options
  const { log, train, validation } = openLog(options, data)
  const lists = Math.min(options.batchSize, train.length)
  const tables = {
    ...tableTensors('item', data.items),
    ...(data.creatives === undefined || shape.creativeCodebooks.length === 0
      ? {}
      : tableTensors('creative', data.creatives)),
  }
  const optimizer = stageOptimizer(options.weightDecay, options.clipNorm)
  const model = rewardTrainingModel(shape, tables, lists, options.dropout)
  const session = await Session.create(trainingStep(model, { optimizer, trained: isTrained }), { threads })
  const scorer = await RewardScorer.create({ ...data, shape, threads }).catch(async (error: unknown) => {
    await session.release()
    throw error
  })
  try {
    const outcomes = async (parameters: Float32Array) => {
      await scorer.setParameters(parameters)
      return outcomesOf(scorer, shape, data, log, validation)
    }
    const inputs = batchInputs({ ...options, batchSize: lists }, data, { log, train, validation })
    const stepsPerEpoch = Math.ceil(train.length / lists)
    const totalSteps = options.epochs * stepsPerEpoch
    const result = await runStage(
      {
        epochs: options.epochs,
        stepsPerEpoch,
        schedule: {
          kind: 'cosine',
          peak: options.learningRate,
          warmupSteps: Math.ceil(totalSteps / 20),
          totalSteps,
          floor: 0.05,
        },
        betas: stageBetas,
        step: async ({ epoch, index, step }) => ({ session, batch: { ...tables, ...inputs(epoch, index, step) } }),
        epochEnded: async (_epoch, parameters) => {
          const metrics = validationMetrics(await outcomes(parameters), validation.length, options.calibration)
          return { ...metrics, score: -metrics.calibratedLoss }
        },
        patience: options.patience,
      },
      start,
      ports,
    )
    const found = await outcomes(result.parameters)
    const calibration = Object.fromEntries(
      [...found].map(([reward, entries]) => [reward, calibrationOf(entries, options.calibration)]),
    )
    return { ...result, parameters: withCalibration(shape, result.parameters, calibration), calibration }
  } finally {
    await session.release()
    await scorer.release()
  }
}

/** Inputs of each step, from its numbers alone; what an epoch's steps share is kept until the next. */
const batchInputs = (
  { shape, seed, batchSize, dropout }: RewardTrainingOptions,
  data: RewardData,
  { log, train }: Log,
) => {
  const places = rewardDropoutPlaces(shape, batchSize)
  const epochOf = (epoch: number) => ({
    epoch,
    batch: batchOf(train, { seed, batchSize }, epoch),
    masks: new DropoutMasks(seed, epoch, dropout, largestMask([places])),
  })
  let current: ReturnType<typeof epochOf> | undefined
  return (epoch: number, index: number, step: number) => {
    if (current?.epoch !== epoch) current = epochOf(epoch)
    const requests = current.batch(index)
    return { ...batchTensors(shape, data, log, requests, batchSize), ...current.masks.step(step + 1, places) }
  }
}
