// A part of the catalogue in place of the whole of it in the loss of step 2, where the catalogue is large [ours]: all
// targets of a batch, and others drawn uniformly, each of which stands for as many as were left out.

import type { Random } from '../../tensor/random.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'
import { excluded } from '../backbone.ts'

export const sampledInputs = {
  /** int32 [M], anything where the weight excludes. */
  items: 'sampled.items',
  /** Logarithm of how many items each stands for, float32 [M]. */
  logWeight: 'sampled.logWeight',
  /** Where the target of each head lies among them, int32 [B, heads]. */
  place: 'sampled.place',
} as const

/** Items of a sample with so many drawn ones at least, whatever the targets of a batch are. */
export const sampleSize = (drawn: number, targets: number, itemCount: number): number =>
  Math.min(itemCount, drawn + targets)

/**
 * The partition sum over the sample is in expectation the one over the catalogue.
 * @param targets items, some of them more than once
 * @param size of the sample, at least as many as there are different targets
 */
export function drawItems(
  targets: Int32Array,
  size: number,
  itemCount: number,
  random: Random,
): { readonly items: Int32Array; readonly logWeight: Float32Array; readonly place: Int32Array } {
  const places = new Map<number, number>()
  for (const item of targets) if (!places.has(item)) places.set(item, places.size)
  const certain = places.size
  const drawn = new Set<number>()
  const wanted = Math.min(size, itemCount) - certain
  // Most of the catalogue is left to draw from; where it is not, all of it is soon found.
  while (drawn.size < wanted) {
    const item = random.below(itemCount)
    if (!places.has(item)) drawn.add(item)
  }
  const items = new Int32Array(size)
  items.set([...places.keys(), ...drawn])
  const others = wanted === 0 ? 0 : Math.log((itemCount - certain) / wanted)
  const logWeight = Float32Array.from({ length: size }, (_, place) => {
    if (place < certain) return 0
    return place < certain + wanted ? others : excluded
  })
  return { items, logWeight, place: targets.map((item) => places.get(item) ?? 0) }
}

/** @param heads of each row of the batch */
export function sampledTensors(
  targets: Int32Array,
  heads: number,
  drawn: number,
  itemCount: number,
  random: Random,
): Tensors {
  const size = sampleSize(drawn, targets.length, itemCount)
  const { items, logWeight, place } = drawItems(targets, size, itemCount, random)
  return {
    [sampledInputs.items]: int32([size], items),
    [sampledInputs.logWeight]: float32([size], logWeight),
    [sampledInputs.place]: int32([targets.length / heads, heads], place),
  }
}
