// Trains a learned mechanism from scratch by the augmented Lagrangian, many steps in one run of a graph.

import * as op from '../../tensor/operators.ts'
import { adamWDefaults } from '../../tensor/optimizer.ts'
import { initialParameters } from '../../tensor/parameters.ts'
import { Random } from '../../tensor/random.ts'
import { type Schedule, stepScalars } from '../../tensor/schedules.ts'
import { float32, Session } from '../../tensor/session.ts'
import { freshState, TrainingState } from '../../tensor/training-state.ts'
import { type TrainingModel, trainingLoop } from '../../tensor/training-step.ts'
import {
  advanceLagrangian,
  type LagrangianSchedule,
  type LagrangianState,
  lagrangianInputs,
  lagrangianLoss,
  startLagrangian,
} from '../lagrangian.ts'
import {
  type AscentOptions,
  ascendMisreports,
  betterMisreports,
  misreportUtilities,
  truthfulOutcome,
} from './misreports.ts'
import { type AuctionNetwork, networkLayout } from './network.ts'

export interface LearnedAuctionOptions {
  readonly network: AuctionNetwork
  readonly batch: number
  /** Steps in one run; the multipliers are updated between runs, so it has to be theirs. */
  readonly stepsPerRun: number
  readonly runs: number
  /** Runs after which the same profiles come again, with the misreports found for them. */
  readonly pool: number
  readonly ascent: AscentOptions
  readonly schedule: Schedule
  readonly lagrangian: LagrangianSchedule
  readonly seed: number
  readonly threads: number
}

export interface RunReport {
  /** Runs done. */
  readonly run: number
  /** Means over the steps of the run. */
  readonly revenue: number
  /** Per bidder; what the training's own search finds, which is less than there is. */
  readonly regret: number
  readonly lagrangian: LagrangianState
  /** As they are after the run; valid until the next. */
  readonly parameters: Float32Array
}

const betas = [0.9, 0.999] as const

const trainingModel = ({ network, batch, ascent }: LearnedAuctionOptions): TrainingModel => {
  const { bidders, items } = network
  const misreports = { type: 'float32', shape: [bidders, batch, items] } as const
  return {
    layout: networkLayout(network),
    inputs: {
      values: { type: 'float32', shape: [batch, bidders, items] },
      known: misreports,
      fresh: misreports,
      multipliers: { type: 'float32', shape: [bidders] },
      penalty: { type: 'float32', shape: [] },
    },
    loss(parameters, { values, known, fresh, multipliers, penalty }) {
      const start = betterMisreports(parameters, network, values, [known, fresh])
      const found = ascendMisreports(parameters, network, values, start, ascent)
      const truth = truthfulOutcome(parameters, network, values)
      const gain = op.sub(misreportUtilities(parameters, network, values, found), truth.utilities)
      const regret = op.reduceMean(op.relu(gain), [1])
      const revenue = op.scale(op.reduceSum(truth.payments), 1 / batch)
      return { loss: lagrangianLoss({ revenue, regret, multipliers, penalty }), metrics: { revenue, regret, found } }
    },
  }
}

/** Values of `stepsPerRun` batches, U[0,1]. */
const drawValues = (random: Random, length: number): Float32Array =>
  Float32Array.from({ length }, () => random.uniform())

/** @returns the flat parameters in `networkLayout`'s order */
export async function trainLearnedAuction(
  options: LearnedAuctionOptions,
  report: (report: RunReport) => void = () => {},
): Promise<Float32Array> {
  const { network, batch, stepsPerRun, runs, pool, schedule, seed } = options
  const { bidders, items } = network
  const model = trainingModel(options)
  const optimizer = { ...adamWDefaults, betas, weightDecay: 0 }
  const session = await Session.create(trainingLoop(model, { optimizer }, stepsPerRun), { threads: options.threads })
  try {
    const state = new TrainingState(freshState(initialParameters(model.layout, seed)))
    const profileSize = stepsPerRun * batch * bidders * items
    const known: Float32Array[] = []
    let lagrangian = startLagrangian(bidders, options.lagrangian)
    for (let run = 0; run < runs; run++) {
      const place = run % pool
      const values = drawValues(new Random(seed, 'profiles', place), profileSize)
      const fresh = drawValues(new Random(seed, 'misreports', run), profileSize)
      const { multipliers, penalty } = lagrangianInputs(lagrangian)
      const repeated = (data: ArrayLike<number>) =>
        Float32Array.from({ length: stepsPerRun * data.length }, (_, index) => data[index % data.length])
      const shape = [stepsPerRun, bidders, batch, items]
      const outputs = await state.advanceMany(
        session,
        {
          values: float32([stepsPerRun, batch, bidders, items], values),
          known: float32(shape, known[place] ?? fresh),
          fresh: float32(shape, fresh),
          multipliers: float32([stepsPerRun, bidders], repeated(multipliers.data as Float32Array)),
          penalty: float32([stepsPerRun], repeated(penalty.data as Float32Array)),
        },
        Array.from({ length: stepsPerRun }, (_, index) => stepScalars(schedule, betas, state.step + index + 1)),
      )
      known[place] = Float32Array.from(outputs.found)
      for (let step = 0; step < stepsPerRun; step++) {
        const regrets = outputs.regret.slice(step * bidders, (step + 1) * bidders)
        lagrangian = advanceLagrangian(lagrangian, regrets, options.lagrangian)
      }
      report({
        run: run + 1,
        revenue: meanOf(outputs.revenue),
        regret: meanOf(outputs.regret),
        lagrangian,
        parameters: state.parameters,
      })
    }
    return state.parameters.slice()
  } finally {
    await session.release()
  }
}

const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length
