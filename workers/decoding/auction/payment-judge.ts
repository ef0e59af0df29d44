// The payment network inside the decoding graph: the rate of every slot of the list that the reward model picks (Eq. 25).

import { paymentRates } from '../../auction/payment-network/rates.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { Graph, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { ListJudge, ListsToJudge } from './auction-graph.ts'

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

/** Values of the chosen list of each row [R, slots] of those of all lists [R, lists, slots]. */
const ofChosen = (value: Value, chosen: Value): Value =>
  op.reshape(op.gatherND(value, op.reshape(chosen, ['R', 1]), 1), ['R', value.shape[2]])

/**
 * `pivotPrice` of each entry of the chosen list, over the unit of bids [R, slots].
 * @param lists of each row: candidate, bid, pCtr [R, lists, slots], reward [R, lists]
 * @param chosen int64 [R]
 */
export const pivotPrices = (
  { candidate, bid, pCtr, reward }: Record<'candidate' | 'bid' | 'pCtr' | 'reward', Value>,
  chosen: Value,
): Value => {
  const [, beams, slots] = candidate.shape.map(Number)
  const entry = op.reshape(ofChosen(candidate, chosen), ['R', slots, 1, 1])
  const isEntry = op.cast(op.equal(op.reshape(candidate, ['R', 1, beams, slots]), entry), 'float32')
  const worth = op.reshape(op.mul(bid, pCtr), ['R', 1, beams, slots])
  const own = op.reduceSum(op.mul(isEntry, worth), [3])
  const others = op.sub(op.reshape(reward, ['R', 1, beams]), own)
  const best = op.reduceMax(others, [2])
  const clicks = op.maximum(ofChosen(pCtr, chosen), leastClicks)
  const kept = op.sub(op.reduceMax(reward, [1], true), op.mul(ofChosen(bid, chosen), clicks))
  return op.maximum(op.div(op.sub(best, kept), clicks), 0)
}

/** Vectors of the items of the chosen list of each row [R, slots, hiddenSize]. */
const chosenVectors = ({ vectors, search }: ListsToJudge, chosenCandidate: Value): Value => {
  const [, columns, hiddenSize] = vectors.shape
  const first = op.reshape(op.mul(op.cast(search, 'int64'), Number(columns)), ['R', 1])
  return op.gather(op.reshape(vectors, [-1, hiddenSize]), op.add(chosenCandidate, first))
}

/** What `reward` puts out, and paymentRate [R, slots] beside it. */
export const withPayments =
  (reward: ListJudge, { shape, parameters: weights }: PaymentParts): ListJudge =>
  (lists) => {
    const outputs = reward(lists)
    const parameters = weights(lists.graph)
    const chosen = op.cast(outputs.chosen, 'int64')
    const [, , slots] = lists.candidate.shape.map(Number)
    const { listLength, itemDimensions, price } = shape
    const { search, bid } = lists
    // One entry of what a search found for each row, before anything is spread over rows.
    const place = op.concat([op.reshape(op.cast(search, 'int64'), ['R', 1]), op.reshape(chosen, ['R', 1])], 1)
    const shown = (value: Value): Value => op.gatherND(value, place, 0)
    const pivot = () => {
      const ofRows = (value: Value): Value => op.gather(value, search)
      const found = { candidate: ofRows(lists.candidate), pCtr: ofRows(outputs.pCtr), bid, reward: outputs.reward }
      return upTo(listLength, pivotPrices(found, chosen))
    }
    const rates = paymentRates(parameters, shape, {
      ...(itemDimensions === 0 ? {} : { items: upTo(listLength, chosenVectors(lists, shown(lists.candidate))) }),
      bids: upTo(listLength, ofChosen(bid, chosen)),
      logZ: upTo(listLength, shown(lists.logZ)),
      pCtr: upTo(listLength, shown(outputs.pCtr)),
      isAd: upTo(listLength, shown(lists.isAd)),
      ...(price === 'Threshold' ? { pivotPrice: pivot() } : {}),
    })
    return { ...outputs, paymentRate: slots === listLength ? rates : op.slice(rates, 1, 0, slots) }
  }
