import { expect, test } from 'vitest'
import { historyInputs, historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { smallShape } from './small-generator.ts'
import { itemCount } from './small-lists.ts'

test('a graph reads the most recent items of a long history, aligned at its end', () => {
  const shape = smallShape(itemCount, { historyLength: 3 })
  const tensors = historyTensors(shape, [
    { items: Uint32Array.of(1, 2, 3, 4), creatives: Int32Array.of(2, -1, 6, 8) },
    { items: Uint32Array.of(5) },
  ])
  expect(Array.from(tensors[historyInputs.items].data as Int32Array)).toEqual([2, 3, 4, 0, 0, 5])
  expect(Array.from(tensors[historyInputs.creatives].data as Int32Array)).toEqual([-1, 6, 8, -1, -1, -1])
  expect(Array.from(tensors[historyInputs.length].data as Int32Array)).toEqual([3, 1])
})
