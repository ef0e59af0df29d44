import { expect, test } from 'vitest'
import { codeShares } from '../../../workers/tokenizer/code-shares.ts'
import { testDataset } from './support.ts'

test('code shares count the training part alone, by the first code', () => {
  const dataset = testDataset(3, [[0, 0, 1, 2, 2]], { trainEnd: [3] })
  const codes = Uint16Array.of(1, 7, 0, 7, 2, 7)
  expect(codeShares(codes, 2, 4, dataset)).toEqual([1 / 3, 2 / 3, 0, 0])
})

test('entries beyond 256 are folded onto the first ones', () => {
  const dataset = testDataset(3, [[0, 1, 2, 2]], { trainEnd: [4] })
  const shares = codeShares(Uint16Array.of(3, 259, 515), 1, 1024, dataset)
  expect(shares).toHaveLength(256)
  expect(shares[3]).toBe(1)
})

test('without interactions there are no shares', () => {
  expect(codeShares(Uint16Array.of(1), 1, 2, testDataset(1, [[]], { trainEnd: [0] }))).toEqual([0, 0])
})
