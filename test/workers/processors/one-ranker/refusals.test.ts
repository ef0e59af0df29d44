import { expect, test } from 'vitest'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { pretrainingData } from '../../../../workers/processors/one-ranker/training-data.ts'
import { specOf, TABLES } from '../../data/market/table-support.ts'
import { lacksTables, needsWholeLists, ofEntries, refusalIn, tablesOfTestPart } from '../staged/refusals.ts'
import { smallDataset } from '../staged/small-world.ts'
import { inputsOf, smallSpec, smallStages } from './small-run.ts'

const refusalOf = (spec: DatasetSpec, stages: object = smallStages) =>
  refusalIn(spec, async (world) => {
    const inputs = await inputsOf(world, smallSpec(stages))
    return `${pretrainingData(inputs).train(1).count} samples`
  })

test('a Dataset without advertising is refused', async () => {
  const { advertising: _, ...plain } = smallDataset
  expect(await refusalOf(plain)).toEqual(lacksTables(/no advertising tables; give spec\.advertising/))
})

test('one without exposures is refused by the stages that learn from them, and serves the others', async () => {
  const { exposures: _, ...logged } = TABLES
  const spec = await specOf(logged)
  const next = { pretrain: { targets: ['NextItems'] } }
  expect(await refusalOf(spec, { pretrain: { targets: ['Exposed'] } })).toEqual(lacksTables(/no exposed lists/))
  expect(await refusalOf(spec, { ...next, ranking: { labels: 'Logged' } })).toEqual(
    lacksTables(/no exposed lists, which the stage ranking has its labels from/),
  )
  expect(await refusalOf(spec, next)).toMatch(/^[1-9]\d* samples$/)
})

test('one of entries of lists is refused by labels that compare them, and serves clicks as targets', async () => {
  const spec = ofEntries(await specOf(TABLES))
  const clicked = { pretrain: { targets: ['Exposed'] } }
  expect(await refusalOf(spec, { ...clicked, ranking: { labels: 'Logged' } })).toEqual(
    needsWholeLists(/spec\.stages\.ranking with labels Logged.*RewardModel/),
  )
  expect(await refusalOf(spec, clicked)).toMatch(/^[1-9]\d* samples$/)
})

test('more fake items than there are items is refused', async () => {
  const refused = await refusalIn(smallDataset, (world) =>
    inputsOf(world, smallSpec(smallStages, { fakeItems: 512 })).then(() => 'opened'),
  )
  expect(refused).toMatchObject({ reason: 'TooManyFakeItems', message: expect.stringContaining('512 centres') })
})

test('one whose requests are all of the test part has no click to learn', async () => {
  const spec = await specOf(tablesOfTestPart)
  expect(await refusalOf(spec, { pretrain: { targets: ['Exposed'] } })).toEqual(lacksTables(/training part/))
})
