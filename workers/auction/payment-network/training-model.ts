// The loss of a batch of samples (Eq. 33): every variant is priced by the network, regret is what the best of them gains
// over the truth.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { InputSpec, TrainingModel } from '../../tensor/training-step.ts'
import { augmentedLagrangian } from './augmented-lagrangian.ts'
import { rateRows, type SlotValues } from './rates.ts'
import { type PaymentShape, paymentLayout } from './shape.ts'

export interface BatchSizes {
  readonly samples: number
  readonly variants: number
  readonly ads: number
  readonly truth: number
}

export const regretMetric = (group: number): string => `regret.${group}`

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
  const truthful = (value: Value): Value => op.reshape(op.slice(value, 1, truth, truth + 1), [samples])
  return {
    revenue: truthful(ofBidder(op.mul(price, clicks))),
    // Truth is one of the variants, so that this is never negative.
    regret: op.sub(op.reduceMax(utility, [1]), truthful(utility)),
  }
}

/**
 * The training model for batches of one size. Inputs of each step, besides the samples: weight [samples], by which means
 * are taken; lambda [samples], that of each one's group; membership [samples, K + 1], by which the regrets of groups
 * are; unit, 1 over what revenue and regret are measured by inside the loss, so that lambda and rho mean the same
 * whatever the click rate. Metrics: revenue and regret, means in units of bids an impression; of each group
 * `regretMetric`, over the unit.
 */
export const paymentTrainingModel = (shape: PaymentShape, sizes: BatchSizes): TrainingModel => ({
  layout: paymentLayout(shape),
  inputs: inputSpecs(shape, sizes),
  loss(parameters, batch) {
    const { items, otherBids, logZ, pCtr, bid, pivotPrice, slot, weight, lambda, membership, rho, unit } = batch
    const slots: SlotValues = {
      ...(items === undefined ? {} : { items }),
      ...(otherBids === undefined ? {} : { otherBids }),
      logZ,
      pCtr,
      bids: bid,
      ...(pivotPrice === undefined ? {} : { pivotPrice }),
    }
    const rates = rateRows(parameters, shape, slots, (rows, biases) => op.add(rows, op.gather(biases, slot)))
    const { revenue, regret } = outcomes(rates, batch, sizes)
    const scaled = op.mul(regret, unit)
    const lagrangian = augmentedLagrangian(op.mul(revenue, unit), scaled, lambda, rho)
    const mean = (value: Value): Value => op.reduceSum(op.mul(value, weight))
    const ofGroups = op.gemm(op.reshape(scaled, [1, sizes.samples]), membership)
    const groups = op.split(ofGroups, 1, new Array<number>(shape.listLength + 1).fill(1))
    return {
      loss: mean(lagrangian),
      metrics: {
        revenue: mean(revenue),
        regret: mean(regret),
        ...Object.fromEntries(groups.map((value, group) => [regretMetric(group), op.reshape(value, [])])),
      },
    }
  },
})
