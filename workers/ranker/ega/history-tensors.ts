// What users took before, as the encoder reads it.

import { int32, type Tensors } from '../../tensor/session.ts'
import type { GeneratorShape } from './generator-shape.ts'

export const historyInputs = { items: 'history', creatives: 'history.creatives', length: 'history.length' } as const

/** Histories aligned at their end: the most recent item is the last. */
export const historyTensors = (
  shape: GeneratorShape,
  histories: readonly { readonly items: Uint32Array; readonly creatives?: Int32Array | undefined }[],
): Tensors => {
  const { historyLength } = shape
  const batch = histories.length
  const items = new Int32Array(batch * historyLength)
  const creatives = new Int32Array(batch * historyLength).fill(-1)
  const length = new Int32Array(batch)
  for (const [row, history] of histories.entries()) {
    const recent = history.items.subarray(-historyLength)
    const from = (row + 1) * historyLength - recent.length
    items.set(recent, from)
    length[row] = recent.length
    if (history.creatives !== undefined && recent.length > 0)
      creatives.set(history.creatives.subarray(-recent.length), from)
  }
  return {
    [historyInputs.items]: int32([batch, historyLength], items),
    [historyInputs.length]: int32([batch], length),
    ...(shape.creatives === undefined ? {} : { [historyInputs.creatives]: int32([batch, historyLength], creatives) }),
  }
}
