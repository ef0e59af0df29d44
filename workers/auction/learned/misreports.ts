// Profitable misreports by gradient ascent on the reports, as nodes of the graph that trains the mechanism.

import { gradients } from '../../tensor/autodiff.ts'
import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { type AuctionNetwork, allocationOf, learnedOutcome, paymentRates, viewsOf } from './network.ts'

export interface AscentOptions {
  /** Adam steps; 25 in the RegretNet authors' code. */
  readonly steps: number
  /** Of Adam; 0.1 there. */
  readonly rate: number
}

const betas = [0.9, 0.999] as const

/** [bidders, 1, bidders, 1]: 1 where the bidder of the first axis meets itself. */
const selves = (like: Value, bidders: number): Value =>
  like.graph.constant(
    'float32',
    [bidders, 1, bidders, 1],
    Array.from({ length: bidders * bidders }, (_, index) => Number(index % (bidders + 1) === 0)),
  )

/** Of blocks [bidders, batch, bidders, ...], from each the entry of the block's own bidder: [bidders, batch, 1, ...]. */
const ownEntries = (blocks: Value, bidders: number): Value =>
  op.concat(
    Array.from({ length: bidders }, (_, bidder) =>
      op.slice(op.slice(blocks, 0, bidder, bidder + 1), 2, bidder, bidder + 1),
    ),
    0,
  )

/**
 * Utilities [bidders, batch], each bidder's when it alone reports its row of `misreports` [bidders, batch, items] in place
 * of its value, `values` being [batch, bidders, items]. Payments of the others are not computed.
 */
export const misreportUtilities = (
  parameters: Parameters,
  network: AuctionNetwork,
  values: Value,
  misreports: Value,
): Value => {
  const { bidders, items } = network
  const batch = Number(values.shape[0])
  const pairs = bidders * items
  const self = selves(values, bidders)
  const truth = op.reshape(values, [1, batch, bidders, items])
  const own = op.reshape(misreports, [bidders, batch, 1, items])
  const reports = op.add(op.mul(truth, op.sub(1, self)), op.mul(own, self))
  const views = viewsOf(network, op.reshape(reports, [bidders * batch, pairs]))
  const allocation = op.reshape(allocationOf(parameters, network, views), [bidders, batch, bidders, items])
  const ownViews = ownEntries(op.reshape(views, [bidders, batch, bidders, items, pairs]), bidders)
  const rates = paymentRates(parameters, network, ownViews)
  const worth = op.sub(op.transpose(values, [1, 0, 2]), op.mul(op.reshape(rates, misreports.shape), misreports))
  const won = op.reshape(ownEntries(allocation, bidders), misreports.shape)
  return op.reduceSum(op.mul(won, worth), [2])
}

/** Utilities [bidders, batch] where everybody reports the truth, and payments [batch, bidders]. */
export const truthfulOutcome = (
  parameters: Parameters,
  network: AuctionNetwork,
  values: Value,
): { utilities: Value; payments: Value } => {
  const { bidders, items } = network
  const batch = Number(values.shape[0])
  const { allocation, payments } = learnedOutcome(parameters, network, op.reshape(values, [batch, bidders * items]))
  const worth = op.reduceSum(op.mul(allocation, values), [2])
  return { utilities: op.transpose(op.sub(worth, payments), [1, 0]), payments }
}

/** Of two sets of misreports [bidders, batch, items], for each bidder and profile the better one. */
export const betterMisreports = (
  parameters: Parameters,
  network: AuctionNetwork,
  values: Value,
  [first, second]: readonly [Value, Value],
): Value => {
  const [ours, theirs] = [first, second].map((each) => misreportUtilities(parameters, network, values, each))
  const better = op.greater(theirs, ours)
  return op.where(op.reshape(better, [...better.shape, 1]), second, first)
}

/**
 * Climbs from `start` [bidders, batch, items] within [0, 1], in steps that fall linearly from the rate to its last part.
 * No gradient goes through what it returns.
 */
export const ascendMisreports = (
  parameters: Parameters,
  network: AuctionNetwork,
  values: Value,
  start: Value,
  { steps, rate }: AscentOptions,
): Value => {
  const graph = values.graph
  const rounds = Array.from({ length: steps }, (_, index) => index + 1)
  const first = graph.constant(
    'float32',
    [steps],
    rounds.map((step) => (rate * (steps + 1 - step)) / steps / (1 - betas[0] ** step)),
  )
  const second = graph.constant(
    'float32',
    [steps],
    rounds.map((step) => 1 / (1 - betas[1] ** step)),
  )
  const zeros = op.scale(start, 0)
  const { carried } = op.loop(graph, steps, [start, zeros, zeros], (iteration, [reports, mean, square]) => {
    const utility = op.reduceSum(misreportUtilities(parameters, network, values, reports))
    const [gradient] = gradients(utility, [reports])
    const nextMean = op.add(op.scale(mean, betas[0]), op.scale(gradient, 1 - betas[0]))
    const nextSquare = op.add(op.scale(square, betas[1]), op.scale(op.square(gradient), 1 - betas[1]))
    const deviation = op.add(op.sqrt(op.mul(nextSquare, op.gather(second, iteration))), 1e-8)
    const moved = op.add(reports, op.mul(op.gather(first, iteration), op.div(nextMean, deviation)))
    return { carried: [op.minimum(op.maximum(moved, 0), 1), nextMean, nextSquare] }
  })
  return op.stopGradient(carried[0])
}
