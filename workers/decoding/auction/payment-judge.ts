// The payment network inside the decoding graph: the rate of every slot of the list that the reward model picks (Eq. 25).

import { paymentRates } from '../../auction/payment-network/rates.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { Graph, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { ListJudge } from './auction-graph.ts'
import { ofBeams } from './beam-state.ts'

export interface PaymentParts {
  readonly shape: PaymentShape
  readonly parameters: (graph: Graph) => Parameters
}

/** Values of the chosen list [B, length] of those of all lists [B, lists, slots], zeros beyond the slots. */
const ofChosen = (value: Value, chosen: Value, length: number): Value => {
  const slots = Number(value.shape[2])
  const list = op.reshape(ofBeams(value, chosen), ['B', slots])
  return slots === length ? list : op.pad(list, 1, 0, length - slots)
}

/** What `reward` puts out, and paymentRate [B, slots] beside it. */
export const withPayments =
  (reward: ListJudge, { shape, parameters: weights }: PaymentParts): ListJudge =>
  (lists) => {
    const outputs = reward(lists)
    const parameters = weights(lists.graph)
    const chosen = op.reshape(op.cast(outputs.chosen, 'int64'), ['B', 1])
    const [, , slots] = lists.candidate.shape.map(Number)
    const { listLength, itemDimensions } = shape
    const candidate = op.reshape(ofBeams(lists.candidate, chosen), ['B', slots])
    const items = ofBeams(lists.vectors, candidate)
    const padded = slots === listLength ? items : op.pad(items, 1, 0, listLength - slots)
    const rates = paymentRates(parameters, shape, {
      ...(itemDimensions === 0 ? {} : { items: padded }),
      bids: ofChosen(lists.bid, chosen, listLength),
      logZ: ofChosen(lists.logZ, chosen, listLength),
      pCtr: ofChosen(outputs.pCtr, chosen, listLength),
      isAd: ofChosen(lists.isAd, chosen, listLength),
    })
    return { ...outputs, paymentRate: slots === listLength ? rates : op.slice(rates, 1, 0, slots) }
  }
