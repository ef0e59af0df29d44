// The training stage of a payment network: revenue under the constraint that no misreport gains, by an augmented
// Lagrangian whose multipliers move between steps.

import {
  runStage,
  type StageMetrics,
  type StagePorts,
  type StageProgress,
  type StageResult,
  stageBetas,
  stageOptimizer,
  stageStart,
} from '../../ranker/stage-training.ts'
import { initialParameters } from '../../tensor/parameters.ts'
import { Random } from '../../tensor/random.ts'
import { Session } from '../../tensor/session.ts'
import { trainingStep } from '../../tensor/training-step.ts'
import {
  advanceLagrangian,
  type LagrangianSchedule,
  lagrangianDefaults,
  lagrangianExtra,
  lagrangianFrom,
  startLagrangian,
} from '../lagrangian.ts'
import { regretsOf } from '../regret-loss.ts'
import { sampleTensors } from './batches.ts'
import { PaymentEvaluator } from './outcome.ts'
import { checkSamples, type PaymentSamples } from './samples.ts'
import { type PaymentShape, paymentLayout } from './shape.ts'
import { paymentTrainingModel } from './training-model.ts'

export interface PaymentTrainingOptions {
  readonly shape: PaymentShape
  readonly epochs: number
  /** Samples of a step. */
  readonly batchSize: number
  /** The highest, from the first step on; then a cosine down to a twentieth of it. */
  readonly learningRate: number
  readonly weightDecay: number
  /** 0: not clipped. */
  readonly clipNorm: number
  readonly lagrangian: LagrangianSchedule
  readonly seed: number
  readonly threads: number
}

export const paymentTrainingDefaults = {
  epochs: 20,
  batchSize: 128,
  learningRate: 5e-3,
  weightDecay: 0,
  clipNorm: 1,
  lagrangian: lagrangianDefaults,
} as const satisfies Partial<PaymentTrainingOptions>

/** A state before the first step; its `extra` holds the multipliers. */
export const paymentStart = ({ shape, lagrangian, seed }: PaymentTrainingOptions): StageProgress =>
  stageStart(
    initialParameters(paymentLayout(shape), seed),
    lagrangianExtra(startLagrangian(shape.listLength + 1, lagrangian)),
  )

/** Samples of each step, from its numbers alone. Those that an epoch leaves over are among another's. */
const orderOf = (count: number, size: number, seed: number) => {
  let current: { readonly epoch: number; readonly order: Uint32Array } | undefined
  return (epoch: number, index: number): Uint32Array => {
    if (current?.epoch !== epoch)
      current = { epoch, order: new Random(seed, 'payment', 'order', epoch).permutation(count) }
    return current.order.subarray(index * size, (index + 1) * size)
  }
}

/**
 * Trains from `start` (`paymentStart`, or a checkpoint) to the end; the last parameters are kept, as the constraint
 * tightens from step to step.
 * @param held samples that are not trained on, for `heldRevenue` and `heldRegret` of each epoch
 * @throws PaymentSamplesError, StageDivergedError
 */
export const trainPaymentNetwork = async (
  options: PaymentTrainingOptions,
  samples: PaymentSamples,
  start: StageProgress,
  ports: StagePorts,
  held?: PaymentSamples,
): Promise<StageResult> => {
  const { shape, epochs, learningRate, lagrangian, seed, threads } = options
  checkSamples(shape, samples)
  const size = Math.min(options.batchSize, samples.count)
  const stepsPerEpoch = Math.floor(samples.count / size)
  const tensors = sampleTensors(shape, samples)
  const chosen = orderOf(samples.count, size, seed)
  const optimizer = stageOptimizer(options.weightDecay, options.clipNorm)
  const model = paymentTrainingModel(shape, { ...samples, samples: size })
  const session = await Session.create(trainingStep(model, { optimizer }), { threads })
  let evaluator: PaymentEvaluator | undefined
  try {
    if (held !== undefined) evaluator = await PaymentEvaluator.create(shape, held, threads)
    const onHeld = evaluator
    return await runStage(
      {
        epochs,
        stepsPerEpoch,
        schedule: { kind: 'cosine', peak: learningRate, totalSteps: epochs * stepsPerEpoch, floor: 0.05 },
        betas: stageBetas,
        step: async ({ epoch, index, extra }) => {
          const { multipliers, penalty } = lagrangianFrom(extra)
          return { session, batch: tensors(chosen(epoch, index), size, { lambda: multipliers, rho: penalty }) }
        },
        afterStep: ({ extra }, outputs) => {
          const state = lagrangianFrom(extra)
          const regrets = regretsOf(state, (metric) => outputs[metric])
          return lagrangianExtra(advanceLagrangian(state, regrets, lagrangian))
        },
        ...(onHeld === undefined
          ? {}
          : {
              epochEnded: async (_epoch: number, parameters: Float32Array): Promise<StageMetrics> => {
                const { revenue, regret } = await onHeld.outcome(parameters)
                return { heldRevenue: revenue, heldRegret: regret }
              },
            }),
      },
      start,
      ports,
    )
  } finally {
    await session.release()
    await evaluator?.release()
  }
}
