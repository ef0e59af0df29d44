import { expect, test } from 'vitest'
import { evaluationCases, sequenceOf, trainingWindows } from '../../../workers/data/sequences.ts'
import { amazonBeauty } from './amazon-beauty.ts'
import { ingest } from './support.ts'

test('Amazon Beauty has the published counts', async (context) => {
  const { dataset, metadata } = await ingest(amazonBeauty(context))
  expect(metadata).toMatchObject({
    summary: { users: 22_363, items: 12_101, interactions: 198_502, badRows: 0 },
    itemsOutsideCatalogue: 0,
  })
  expect(evaluationCases(dataset, 'test').count).toBe(22_363)
  const windows = trainingWindows(dataset, { historyLength: 20 })
  const targets = windows.end.reduce((sum, end, window) => sum + end - windows.firstTarget[window], 0)
  expect(targets).toBe(131_413)
  const item = dataset.findItem('1') ?? -1
  expect(dataset.itemText(item)).toBe('nail lacquer simmer and shimmer')
  expect(dataset.itemAttributes(item)).toEqual(['OPI', 'Makeup', 'Nails', 'Nail Polish'])
  const first = sequenceOf(dataset, dataset.findUser('2') ?? -1)
  expect(Array.from(first, (index) => dataset.itemIds[index])).toEqual(['6', '7', '8', '9', '10', '4', '11'])
  const attributes = new Set(dataset.itemIds.flatMap((_, index) => dataset.itemAttributes(index)))
  // 637 names, one of them empty, which is no attribute.
  expect(attributes.size).toBe(636)
  expect(attributes).toContain("L'Oreal Paris")
  // 138 test targets never occur in a training part (datasets.md, section 3): no content-free model can find them.
  const known = new Set(
    dataset.userIds.flatMap((_, user) => Array.from(sequenceOf(dataset, user).subarray(0, dataset.trainEnd[user]))),
  )
  expect(evaluationCases(dataset, 'test').target.filter((target) => !known.has(target))).toHaveLength(138)
})
