// Batches of samples as the inputs of a step graph.

import type { TensorData } from '../../tensor/graph.ts'
import { float32, int32 } from '../../tensor/session.ts'
import { groupsOf, meanWelfare, type PaymentSamples } from './samples.ts'
import type { PaymentShape } from './shape.ts'

/** Rows of the flat table of `width` columns at `index`, one after the other. */
const rowsAt = (table: Float32Array, width: number, index: ArrayLike<number>): Float32Array => {
  const rows = new Float32Array(index.length * width)
  for (let row = 0; row < index.length; row++)
    rows.set(table.subarray(index[row] * width, (index[row] + 1) * width), row * width)
  return rows
}

/** Gives the tensors of chosen samples; what all batches of a table share is computed once. */
export const sampleTensors = (shape: PaymentShape, samples: PaymentSamples) => {
  const { count } = samples
  const width = samples.variants * samples.ads
  const { itemDimensions, listLength, price } = shape
  const group = groupsOf(samples, listLength)
  const groupSizes = new Float64Array(listLength + 1)
  for (const index of group) groupSizes[index]++
  const unit = 1 / meanWelfare(samples)

  /** @param size of the graph's batch, as many as chosen or more: the rest has weight 0 */
  return (
    chosen: Uint32Array,
    size: number,
    multipliers: { readonly lambda: ArrayLike<number>; readonly rho: number },
  ): Record<string, TensorData> => {
    const cells = new Uint32Array(size * width)
    const weight = new Float32Array(size)
    const lambda = new Float32Array(size)
    const membership = new Float32Array(size * (listLength + 1))
    for (const [row, sample] of chosen.entries()) {
      for (let at = 0; at < width; at++) cells[row * width + at] = sample * width + at
      weight[row] = 1 / chosen.length
      lambda[row] = multipliers.lambda[group[sample]]
      // By the group's share of all samples: unbiased even where a batch has few of it.
      membership[row * (listLength + 1) + group[sample]] = count / (groupSizes[group[sample]] * chosen.length)
    }
    const rows = size * width
    const cell = (table: Float32Array) => float32([rows], rowsAt(table, 1, cells))
    const vector = Uint32Array.from(cells, (at) => samples.vector[at])
    return {
      ...(itemDimensions === 0
        ? {}
        : { items: float32([rows, itemDimensions], rowsAt(samples.vectors, itemDimensions, vector)) }),
      ...(listLength === 1
        ? {}
        : { otherBids: float32([rows, listLength - 1], rowsAt(samples.otherBids, listLength - 1, cells)) }),
      slot: int32(
        [rows],
        Int32Array.from(cells, (at) => Math.max(0, samples.slot[at])),
      ),
      logZ: cell(samples.logZ),
      pCtr: cell(samples.pCtr),
      bid: cell(samples.bid),
      ...(price === 'Threshold' ? { pivotPrice: cell(samples.pivotPrice) } : {}),
      exposure: cell(samples.exposure),
      value: cell(samples.value),
      weight: float32([size], weight),
      lambda: float32([size], lambda),
      membership: float32([size, listLength + 1], membership),
      rho: float32([], [multipliers.rho]),
      unit: float32([], [unit]),
    }
  }
}
