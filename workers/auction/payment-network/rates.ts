// The rate of payment (Eq. 25): what share of its bid each ad of the chosen list pays. The price is rate · bid (Eq. 26),
// so that no ad ever pays more than it bid.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { product } from '../../tensor/shapes.ts'
import { names, type PaymentShape } from './shape.ts'

/** M slots in rows. */
export interface SlotValues {
  /** Vectors of the items [M, itemDimensions]; absent where the network reads none. */
  readonly items?: Value
  /** Bids of the other slots in their order, over the unit of bids, 0 for organic ones [M, K - 1]; absent for K = 1. */
  readonly otherBids?: Value
  /** log z of the item at its place [M]. */
  readonly logZ: Value
  /** [M]. */
  readonly pCtr: Value
  /** Own bids over the unit [M]; read only by a network that sees them, or that prices by thresholds. */
  readonly bids?: Value
  /** What the others lose by each ad, per click and over the unit [M]; read only for thresholds. */
  readonly pivotPrice?: Value
}

/** Probabilities below e^-40 are alike to a price. */
const leastLog = -40
const leastProbability = 1e-9
/** Brings logarithms of probabilities to the size of the other inputs. */
const logScale = 0.3

const column = (value: Value): Value => op.reshape(value, [product(value.shape), 1])

const inputsOf = ({ itemDimensions, listLength, seesOwnBid, price }: PaymentShape, slots: SlotValues): Value => {
  const { items, otherBids, logZ, pCtr, bids, pivotPrice } = slots
  // Bids have a long tail; their logarithms let a price be a ratio of two.
  const compressed = (value: Value): Value => op.log(op.add(value, 1))
  const logPCtr = op.log(op.maximum(pCtr, leastProbability))
  const logShare = op.maximum(op.add(logZ, logPCtr), leastLog)
  const parts = [column(op.scale(logShare, logScale)), column(op.exp(logShare)), column(op.scale(logPCtr, logScale))]
  if (listLength > 1 && otherBids !== undefined) parts.unshift(compressed(otherBids))
  if (itemDimensions > 0 && items !== undefined) parts.unshift(items)
  if (seesOwnBid && bids !== undefined) parts.push(column(compressed(bids)))
  if (price === 'Threshold' && pivotPrice !== undefined) parts.push(column(compressed(pivotPrice)))
  return op.concat(parts, 1)
}

/** Rates of slots in rows [M]. @param placed adds the first layer's bias of each row's slot */
export const rateRows = (
  parameters: Parameters,
  shape: PaymentShape,
  slots: SlotValues,
  placed: (rows: Value, biases: Value) => Value,
): Value => {
  const product = op.gemm(inputsOf(shape, slots), parameters(names.weight(0)))
  let state = placed(product, parameters(names.bias(0)))
  for (let layer = 1; layer <= shape.hidden.length; layer++)
    state = op.gemm(op.silu(state), parameters(names.weight(layer)), parameters(names.bias(layer)))
  const last = op.reshape(state, [state.shape[0]])
  return shape.price === 'Threshold' ? thresholdRates(last, slots) : op.sigmoid(last)
}

/** Sharpness of the smooth minimum of threshold and bid. */
const sharpness = 32
/** Of thresholds and bids; below it they are alike. */
const leastMoney = 0.01

/**
 * Rates by which an ad pays its threshold, or its bid where that is lower. The threshold is what the others lose by the
 * ad times a factor of the network: while the lists stay, the pivot does not change with the own bid.
 * The minimum is smooth: an ad at its bid still has a gradient.
 */
const thresholdRates = (logFactor: Value, { bids, pivotPrice }: SlotValues): Value => {
  if (bids === undefined || pivotPrice === undefined) throw new TypeError('A threshold needs own bids and pivot prices')
  const log = (money: Value): Value => op.log(op.maximum(money, leastMoney))
  const excess = op.sub(op.sub(log(bids), log(pivotPrice)), logFactor)
  return op.exp(op.scale(op.softplus(op.scale(excess, sharpness)), -1 / sharpness))
}

/** N lists of K slots. */
export interface PricedLists {
  /** [N, K, itemDimensions]. */
  readonly items?: Value
  /** Over the unit of bids, 0 for organic entries and beyond the end of a list [N, K]. */
  readonly bids: Value
  /** What each slot reads of the bids of the others (B^-) [N, K, K - 1]; absent: all of them. */
  readonly otherBids?: Value
  /** [N, K]. */
  readonly logZ: Value
  readonly pCtr: Value
  /** As of the slots, 0 where there is none [N, K]; read only for thresholds. */
  readonly pivotPrice?: Value
  /** [N, K] float32, 1 for ads. */
  readonly isAd: Value
}

/** B^- of each slot: the bids of the others in their order, [N, K] to [N, K, K - 1]. */
export const bidsOfOthers = (bids: Value): Value => {
  const slots = Number(bids.shape[1])
  const others = Array.from({ length: slots }, (_, slot) =>
    Array.from({ length: slots - 1 }, (_, at) => at + Number(at >= slot)),
  )
  return op.gather(bids, bids.graph.constant('int32', [slots, slots - 1], others.flat()), 1)
}

/** Rates of all slots [N, K]; 0 for organic entries. */
export const paymentRates = (
  parameters: Parameters,
  shape: PaymentShape,
  { items, bids, otherBids, logZ, pCtr, pivotPrice, isAd }: PricedLists,
): Value => {
  const { listLength, itemDimensions } = shape
  const rows = product(bids.shape)
  const slots: SlotValues = {
    ...(items === undefined ? {} : { items: op.reshape(items, [rows, itemDimensions]) }),
    ...(listLength === 1 ? {} : { otherBids: op.reshape(otherBids ?? bidsOfOthers(bids), [rows, listLength - 1]) }),
    logZ: op.reshape(logZ, [rows]),
    pCtr: op.reshape(pCtr, [rows]),
    bids: op.reshape(bids, [rows]),
    ...(pivotPrice === undefined ? {} : { pivotPrice: op.reshape(pivotPrice, [rows]) }),
  }
  const rates = rateRows(parameters, shape, slots, (product, biases) => {
    const width = product.shape[1]
    return op.reshape(op.add(op.reshape(product, [bids.shape[0], listLength, width]), biases), [rows, width])
  })
  return op.mul(op.reshape(rates, bids.shape), isAd)
}
