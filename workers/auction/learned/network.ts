// A learned mechanism for additive bidders: networks for allocation and payment in the manner of RegretNet (arXiv
// 1706.03459, section 3), applied to each pair of a bidder and an item from that pair's point of view.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import { type ParameterLayout, type ParameterSpec, type Parameters, parameterLayout } from '../../tensor/parameters.ts'
import { sizeOf } from '../../tensor/shapes.ts'

export interface AuctionSetting {
  readonly bidders: number
  readonly items: number
}

export interface AuctionNetwork extends AuctionSetting {
  /** Of the hidden layers. */
  readonly width: number
  /** Hidden layers of either network. */
  readonly layers: number
}

export interface LearnedOutcome {
  /** [rows, bidders, items], shares of the items; over bidders they sum to at most 1. */
  readonly allocation: Value
  /** [rows, bidders], never above the reported value of what is allocated. */
  readonly payments: Value
}

const heads = ['allocation', 'payment'] as const

export const networkLayout = ({ bidders, items, width, layers }: AuctionNetwork): ParameterLayout => {
  const specs = (head: string): ParameterSpec[] => [
    ...Array.from({ length: layers }, (_, layer): ParameterSpec[] => [
      { name: `${head}.${layer}.weight`, shape: [layer === 0 ? bidders * items : width, width], initial: 'xavier' },
      { name: `${head}.${layer}.bias`, shape: [width], initial: 'zeros' },
    ]).flat(),
    { name: `${head}.out.weight`, shape: [width, 1], initial: 'xavier' },
    { name: `${head}.out.bias`, shape: [1], initial: 'zeros' },
  ]
  return parameterLayout(heads.flatMap(specs))
}

/**
 * 0/1 matrix [pairs, pairs * pairs] that lays a profile out once for each pair (bidder, item), starting with the pair
 * itself and going round bidders and items from there. One network thus serves all pairs, and whoever renames bidders or
 * items in a circle renames the outcome.
 */
export function pointsOfView({ bidders, items }: AuctionSetting): Float32Array {
  const pairs = bidders * items
  const matrix = new Float32Array(pairs * pairs * pairs)
  for (let pair = 0; pair < pairs; pair++)
    for (let step = 0; step < pairs; step++) {
      const bidder = (Math.floor(pair / items) + Math.floor(step / items)) % bidders
      const item = ((pair % items) + (step % items)) % items
      matrix[(bidder * items + item) * pairs * pairs + pair * pairs + step] = 1
    }
  return matrix
}

/** Applied to the last axis of `input` [..., pairs]; the result is [...]. */
const perceptron = (parameters: Parameters, head: string, { layers }: AuctionNetwork, input: Value): Value => {
  const leading = input.shape.slice(0, -1)
  let hidden = op.reshape(input, [sizeOf(leading), input.shape[leading.length]])
  for (let layer = 0; layer < layers; layer++) {
    const bias = parameters(`${head}.${layer}.bias`)
    hidden = op.tanh(op.linear(hidden, parameters(`${head}.${layer}.weight`), bias))
  }
  return op.reshape(op.linear(hidden, parameters(`${head}.out.weight`), parameters(`${head}.out.bias`)), leading)
}

/**
 * Profiles of reports [rows, bidders * items] from each pair's point of view, [rows, bidders, items, pairs], with mean 0 and
 * variance 1 where reports are uniform in [0, 1].
 */
export const viewsOf = (network: AuctionSetting, reports: Value): Value => {
  const { bidders, items } = network
  const pairs = bidders * items
  const layOut = reports.graph.constant('float32', [pairs, pairs * pairs], pointsOfView(network))
  const standard = op.scale(op.sub(reports, 0.5), Math.sqrt(12))
  return op.reshape(op.gemm(standard, layOut), [reports.shape[0], bidders, items, pairs])
}

/** Good allocations are nearly steps; this much steeper, the networks need not grow large weights first. */
const sharpness = 10

/** Shares [rows, bidders, items]: each item goes to the bidders and a dummy, who keeps it, by a soft maximum. */
export const allocationOf = (parameters: Parameters, network: AuctionNetwork, views: Value): Value => {
  const scores = op.scale(perceptron(parameters, 'allocation', network, views), sharpness)
  return op.slice(op.softmax(op.pad(scores, 1, 0, 1), 1), 1, 0, network.bidders)
}

/** Payment by reported value of what is allocated, within [0, 1]: [...] of views [..., pairs]. */
export const paymentRates = (parameters: Parameters, network: AuctionNetwork, views: Value): Value =>
  op.sigmoid(perceptron(parameters, 'payment', network, views))

/**
 * Outcomes of profiles of reports [rows, bidders * items]. A bidder pays a share of the reported value of each item's
 * allocation, so that nobody who reports truthfully loses by taking part.
 */
export const learnedOutcome = (parameters: Parameters, network: AuctionNetwork, reports: Value): LearnedOutcome => {
  const views = viewsOf(network, reports)
  const allocation = allocationOf(parameters, network, views)
  const values = op.reshape(reports, allocation.shape)
  const rates = paymentRates(parameters, network, views)
  return { allocation, payments: op.reduceSum(op.mul(rates, op.mul(allocation, values)), [2]) }
}
