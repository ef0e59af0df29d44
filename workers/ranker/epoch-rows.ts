// What the steps of an epoch work on, from seed, epoch and step alone, so that a stage resumed goes on as it would have.

import type { TensorData } from '../tensor/graph.ts'
import { Random } from '../tensor/random.ts'
import { DropoutMasks, type DropoutPlace, largestMask } from './dropout.ts'

/** Rows of one step: those of the epoch in an order of its seed; fewer at the end of the epoch. */
export function rowsOfStep(
  count: number,
  batchSize: number,
  seed: number,
  role: string,
): (epoch: number, index: number) => number[] {
  let order: { epoch: number; rows: Uint32Array } = { epoch: 0, rows: new Uint32Array(0) }
  return (epoch, index) => {
    if (order.epoch !== epoch) order = { epoch, rows: new Random(seed, role, epoch).permutation(count) }
    return [...order.rows.subarray(index * batchSize, (index + 1) * batchSize)]
  }
}

/** Masks of dropout of one step, counted from 0. */
export function masksOfStep(
  places: readonly DropoutPlace[],
  rate: number,
  seed: number,
): (epoch: number, step: number) => Record<string, TensorData> {
  let masks = { epoch: 0, of: new DropoutMasks(seed, 0, 0, 0) }
  return (epoch, step) => {
    if (masks.epoch !== epoch) masks = { epoch, of: new DropoutMasks(seed, epoch, rate, largestMask([places])) }
    return masks.of.step(step + 1, places)
  }
}

/** What an epoch's steps share, made once an epoch. */
export function onceAnEpoch<Made>(make: (epoch: number) => Made): (epoch: number) => Made {
  let kept: { readonly epoch: number; readonly made: Made } | undefined
  return (epoch) => {
    if (kept?.epoch !== epoch) kept = { epoch, made: make(epoch) }
    return kept.made
  }
}
