// Trains a learned mechanism from scratch by the Lagrangian of the payment stage, many steps in one run of a graph. A sample
// is a bidder of a profile; the samples of a bidder are a group.

import * as op from '../../tensor/operators.ts'
import { adamWDefaults } from '../../tensor/optimizer.ts'
import { initialParameters } from '../../tensor/parameters.ts'
import { Random } from '../../tensor/random.ts'
import { type Schedule, stepScalars } from '../../tensor/schedules.ts'
import { float32, Session } from '../../tensor/session.ts'
import { freshState, TrainingState } from '../../tensor/training-state.ts'
import { type TrainingModel, trainingLoop } from '../../tensor/training-step.ts'
import { advanceLagrangian, type LagrangianSchedule, type LagrangianState, startLagrangian } from '../lagrangian.ts'
import { regretLoss, regretOf, regretsOf } from '../regret-loss.ts'
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

/** Place of truth among the utilities of a sample; the misreport that was found follows. */
const truth = 0

/** One group a bidder, whose samples follow one another: [bidders * batch, bidders]. */
const membershipOf = (bidders: number, batch: number): Float32Array =>
  Float32Array.from({ length: bidders * batch * bidders }, (_, index) => {
    const sample = Math.floor(index / bidders)
    return Math.floor(sample / batch) === index % bidders ? 1 / batch : 0
  })

const trainingModel = ({ network, batch, ascent }: LearnedAuctionOptions): TrainingModel => {
  const { bidders, items } = network
  const samples = bidders * batch
  const misreports = { type: 'float32', shape: [bidders, batch, items] } as const
  return {
    layout: networkLayout(network),
    inputs: {
      values: { type: 'float32', shape: [batch, bidders, items] },
      known: misreports,
      fresh: misreports,
      lambda: { type: 'float32', shape: [samples] },
      rho: { type: 'float32', shape: [] },
    },
    loss(parameters, { values, known, fresh, lambda, rho }) {
      const start = betterMisreports(parameters, network, values, [known, fresh])
      const found = ascendMisreports(parameters, network, values, start, ascent)
      const truthful = truthfulOutcome(parameters, network, values)
      const variants = [truthful.utilities, misreportUtilities(parameters, network, values, found)]
      const utilities = op.concat(
        variants.map((each) => op.reshape(each, [samples, 1])),
        1,
      )
      const outcomes = {
        revenue: op.reshape(op.transpose(truthful.payments, [1, 0]), [samples]),
        regret: regretOf(utilities, truth),
      }
      const { graph } = values
      const { loss, metrics } = regretLoss(outcomes, {
        lambda,
        rho,
        // A sum over the bidders of means over profiles: what the auction takes.
        weight: graph.constant('float32', [samples], new Float32Array(samples).fill(1 / batch)),
        membership: graph.constant('float32', [samples, bidders], membershipOf(bidders, batch)),
        // Values are of order 1.
        unit: graph.constant('float32', [], [1]),
      })
      return { loss, metrics: { ...metrics, found } }
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
      const { multipliers, penalty } = lagrangian
      const lambda = Float32Array.from(
        { length: stepsPerRun * bidders * batch },
        (_, index) => multipliers[Math.floor(index / batch) % bidders],
      )
      const shape = [stepsPerRun, bidders, batch, items]
      const outputs = await state.advanceMany(
        session,
        {
          values: float32([stepsPerRun, batch, bidders, items], values),
          known: float32(shape, known[place] ?? fresh),
          fresh: float32(shape, fresh),
          lambda: float32([stepsPerRun, bidders * batch], lambda),
          rho: float32([stepsPerRun], new Float32Array(stepsPerRun).fill(penalty)),
        },
        Array.from({ length: stepsPerRun }, (_, index) => stepScalars(schedule, betas, state.step + index + 1)),
      )
      known[place] = Float32Array.from(outputs.found)
      for (let step = 0; step < stepsPerRun; step++) {
        const regrets = regretsOf(lagrangian, (metric) => outputs[metric][step])
        lagrangian = advanceLagrangian(lagrangian, regrets, options.lagrangian)
      }
      report({
        run: run + 1,
        revenue: meanOf(outputs.revenue),
        regret: meanOf(outputs.regret) / bidders,
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
