// The loss of a batch of samples (Eq. 33): every variant is priced by the network, regret is what the best of them gains
// over the truth.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { InputSpec, TrainingModel } from '../../tensor/training-step.ts'
import { regretLoss, regretOf } from '../regret-loss.ts'
import { rateRows, type SlotValues } from './rates.ts'
import { type PaymentShape, paymentLayout } from './shape.ts'

export interface BatchSizes {
  readonly samples: number
  readonly variants: number
  readonly ads: number
  readonly truth: number
}

const inputSpecs = (
  { itemDimensions, listLength, price }: PaymentShape,
  { samples, variants, ads }: BatchSizes,
): Record<string, InputSpec> => {
  const rows = samples * variants * ads
  const float = (...shape: number[]): InputSpec => ({ type: 'float32', shape })
  return {
    ...(itemDimensions === 0 ? {} : { items: float(rows, itemDimensions) }),
    ...(listLength === 1 ? {} : { otherBids: float(rows, listLength - 1) }),
    slot: { type: 'int32', shape: [rows] },
    logZ: float(rows),
    pCtr: float(rows),
    bid: float(rows),
    ...(price === 'Threshold' ? { pivotPrice: float(rows) } : {}),
    exposure: float(rows),
    value: float(rows),
    weight: float(samples),
    lambda: float(samples),
    membership: float(samples, listLength + 1),
    rho: float(),
    unit: float(),
  }
}

type Batch = Readonly<Record<string, Value>>

/** Utility (value − rate · bid) · pCTR · exposure of each variant over the bidder's ads, and revenue of the truth. */
const outcomes = (rates: Value, batch: Batch, { samples, variants, ads, truth }: BatchSizes) => {
  const cells = (value: Value): Value => op.reshape(value, [samples, variants, ads])
  const ofBidder = (value: Value): Value => op.reduceSum(value, [2])
  const clicks = op.mul(cells(batch.pCtr), cells(batch.exposure))
  const price = op.mul(cells(rates), cells(batch.bid))
  const utility = ofBidder(op.mul(op.sub(cells(batch.value), price), clicks))
  const paid = ofBidder(op.mul(price, clicks))
  return {
    revenue: op.reshape(op.slice(paid, 1, truth, truth + 1), [samples]),
    regret: regretOf(utility, truth),
  }
}

/**
 * The training model for batches of one size. Inputs of each step, besides the samples: the weights of `regretLoss`, with a
 * group for each slot that an ad may win and one for ads that truth leaves out; its unit makes up for the click rate.
 * Metrics are those of `regretLoss`, revenue and regret in units of bids an impression.
 */
export const paymentTrainingModel = (shape: PaymentShape, sizes: BatchSizes): TrainingModel => ({
  layout: paymentLayout(shape),
  inputs: inputSpecs(shape, sizes),
  loss(parameters, batch) {
    const { items, otherBids, logZ, pCtr, bid, pivotPrice, slot } = batch
    const slots: SlotValues = {
      ...(items === undefined ? {} : { items }),
      ...(otherBids === undefined ? {} : { otherBids }),
      logZ,
      pCtr,
      bids: bid,
      ...(pivotPrice === undefined ? {} : { pivotPrice }),
    }
    const rates = rateRows(parameters, shape, slots, (rows, biases) => op.add(rows, op.gather(biases, slot)))
    const { lambda, rho, weight, membership, unit } = batch
    return regretLoss(outcomes(rates, batch, sizes), { lambda, rho, weight, membership, unit })
  },
})
