// Dropout whose masks are inputs of the graph, so that they are a pure function of seed, epoch and step.

import type { TensorData, Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import { Random } from '../tensor/random.ts'
import { sizeOf } from '../tensor/shapes.ts'

/** Drops activations at a named place; the identity outside of training. */
export type Dropout = (place: string, input: Value) => Value

export const noDropout: Dropout = (_place, input) => input

export interface DropoutPlace {
  readonly name: string
  readonly shape: readonly number[]
}

/** Dropout that asks for its masks by place. `masks` holds a boolean value for each place of the model. */
export const maskedDropout =
  (masks: Readonly<Record<string, Value>>, rate: number): Dropout =>
  (place, input) => {
    if (rate === 0) return input
    const mask = masks[maskInput(place)]
    if (mask === undefined) throw new Error(`No dropout mask for ${place}`)
    return op.dropout(input, mask, rate)
  }

export const maskInput = (place: string): string => `keep.${place}`

/** Offsets that a mask may be read from. */
const shifts = 1 << 20

/** Elements of the largest mask of some batches. */
export const largestMask = (batches: readonly (readonly DropoutPlace[])[]): number =>
  batches.flat().reduce((most, { shape }) => Math.max(most, sizeOf(shape)), 0)

/**
 * Masks for every step of an epoch. One pool of random bytes an epoch; each place of each step reads it from an offset
 * of its own, so that no bytes are made or copied in a step.
 */
export class DropoutMasks {
  readonly #pool: Uint8Array
  readonly #seed: number

  /** @param largest elements of the largest mask of the epoch */
  constructor(seed: number, epoch: number, rate: number, largest: number) {
    this.#pool = new Random(seed, 'dropout', epoch).keepMask(new Uint8Array(rate === 0 ? 0 : largest + shifts), rate)
    this.#seed = seed
  }

  /** Inputs for one step; `shapes` are those of the batch at hand, place by place. */
  step(step: number, shapes: readonly DropoutPlace[]): Record<string, TensorData> {
    if (this.#pool.length === 0) return {}
    const random = new Random(this.#seed, 'dropout', 'offset', step)
    return Object.fromEntries(
      shapes.map(({ name, shape }) => {
        const offset = random.below(shifts)
        const data = this.#pool.subarray(offset, offset + sizeOf(shape))
        return [maskInput(name), { type: 'bool', shape, data }]
      }),
    )
  }
}
