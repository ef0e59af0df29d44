// The payment network inside the decoding graph: the rate of every slot of the list that the reward model picks (Eq. 25).

import { paymentRates } from '../../auction/payment-network/rates.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { Graph, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { ListJudge, ListsToJudge } from './auction-graph.ts'
import { ofBeams } from './beam-state.ts'

/** Nothing is divided by less. */
const leastClicks = 1e-9

export interface PaymentParts {
  readonly shape: PaymentShape
  readonly parameters: (graph: Graph) => Parameters
}

const upTo = (length: number, list: Value): Value => {
  const slots = Number(list.shape[1])
  return slots === length ? list : op.pad(list, 1, 0, length - slots)
}

/** Values of the chosen list [B, length] of those of all lists [B, lists, slots], zeros beyond the slots. */
const ofChosen = (value: Value, chosen: Value, length: number): Value => {
  const slots = Number(value.shape[2])
  return upTo(length, op.reshape(ofBeams(value, chosen), ['B', slots]))
}

/** `pivotPrice` of each entry of the chosen list, over the unit of bids [B, slots]. */
export const pivotPrices = (
  { candidate, bid }: Pick<ListsToJudge, 'candidate' | 'bid'>,
  { reward, pCtr }: Record<string, Value>,
  chosen: Value,
): Value => {
  const [, beams, slots] = candidate.shape.map(Number)
  const entry = op.reshape(ofChosen(candidate, chosen, slots), ['B', slots, 1, 1])
  const isEntry = op.cast(op.equal(op.reshape(candidate, ['B', 1, beams, slots]), entry), 'float32')
  const worth = op.reshape(op.mul(bid, pCtr), ['B', 1, beams, slots])
  const own = op.reduceSum(op.mul(isEntry, worth), [3])
  const others = op.sub(op.reshape(reward, ['B', 1, beams]), own)
  const best = op.reduceMax(others, [2])
  const clicks = op.maximum(ofChosen(pCtr, chosen, slots), leastClicks)
  const kept = op.sub(op.reduceMax(reward, [1], true), op.mul(ofChosen(bid, chosen, slots), clicks))
  return op.maximum(op.div(op.sub(best, kept), clicks), 0)
}

/** What `reward` puts out, and paymentRate [B, slots] beside it. */
export const withPayments =
  (reward: ListJudge, { shape, parameters: weights }: PaymentParts): ListJudge =>
  (lists) => {
    const outputs = reward(lists)
    const parameters = weights(lists.graph)
    const chosen = op.reshape(op.cast(outputs.chosen, 'int64'), ['B', 1])
    const [, , slots] = lists.candidate.shape.map(Number)
    const { listLength, itemDimensions, price } = shape
    const candidate = op.reshape(ofBeams(lists.candidate, chosen), ['B', slots])
    const items = ofBeams(lists.vectors, candidate)
    const rates = paymentRates(parameters, shape, {
      ...(itemDimensions === 0 ? {} : { items: upTo(listLength, items) }),
      bids: ofChosen(lists.bid, chosen, listLength),
      logZ: ofChosen(lists.logZ, chosen, listLength),
      pCtr: ofChosen(outputs.pCtr, chosen, listLength),
      isAd: ofChosen(lists.isAd, chosen, listLength),
      ...(price === 'Threshold' ? { pivotPrice: upTo(listLength, pivotPrices(lists, outputs, chosen)) } : {}),
    })
    return { ...outputs, paymentRate: slots === listLength ? rates : op.slice(rates, 1, 0, slots) }
  }
