import { expect, test } from 'vitest'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { pretrainingData } from '../../../../workers/processors/ega/inputs.ts'
import { COLUMNS, specOf, TABLES } from '../../data/market/table-support.ts'
import { lacksTables, needsWholeLists, ofEntries, refusalIn, tablesOfTestPart } from '../staged/refusals.ts'
import { smallParts } from '../staged/small-run.ts'
import { smallDataset } from '../staged/small-world.ts'
import { inputsOf, smallSpec, smallStages } from './small-run.ts'

const refusalOf = (spec: DatasetSpec, stages: object = smallStages, ega: object = {}) =>
  refusalIn(spec, async (world) => {
    const inputs = await inputsOf(world, smallSpec(stages, ega))
    return `${pretrainingData(inputs).train.count} lists`
  })

test('a Dataset without advertising is refused', async () => {
  const { advertising: _, ...plain } = smallDataset
  expect(await refusalOf(plain)).toEqual(lacksTables(/no advertising tables; give spec\.advertising/))
})

test('one without exposures is refused by the stages that learn from them, and serves the others', async () => {
  const { exposures: _, ...logged } = TABLES
  const spec = await specOf(logged)
  expect(await refusalOf(spec, { reward: smallStages.reward })).toEqual(lacksTables(/no exposed lists/))
  expect(await refusalOf(spec, { pretrain: { targets: ['Exposed'] } })).toEqual(lacksTables(/no exposed lists/))
  expect(await refusalOf(spec, { pretrain: { targets: ['NextItems'] } })).toBe('2 lists')
})

test('one of entries of lists is refused by what learns from whole lists, and serves what judges entries', async () => {
  const spec = ofEntries(await specOf(TABLES))
  const pointwise = { reward: { ...smallParts.reward, context: 'Pointwise' } }
  const next = { pretrain: { targets: ['NextItems'] }, reward: smallStages.reward }
  expect(await refusalOf(spec, smallStages, pointwise)).toEqual(needsWholeLists(/target Exposed.*\[NextItems\]/))
  expect(await refusalOf(spec, next)).toEqual(needsWholeLists(/spec\.model\.ega\.reward\.context to Pointwise/))
  expect(await refusalOf(spec, next, pointwise)).toBe('2 lists')
})

test('one without eligible ads is refused by the stages that hold auctions', async () => {
  const spec = await specOf({ ...TABLES, requests: TABLES.requests.map((row) => ({ ...row, ads: [], bids: [] })) })
  const columns = { id: 'id', user: 'user', time: 'time', organic: 'organic' }
  const { advertising } = spec
  const bare = {
    ...spec,
    advertising: { ...advertising, requests: { path: 'requests.jsonl', format: 'JSONLines', columns } },
  } as DatasetSpec
  expect(await refusalOf(bare)).toEqual(lacksTables(/no eligible ads and bids of requests/))
})

test('one whose requests are all of the test part is refused', async () => {
  const spec = await specOf(tablesOfTestPart)
  expect(await refusalOf(spec, { pretrain: { targets: ['Exposed'] } })).toEqual(lacksTables(/training part/))
})

test('one without conversions is refused by an objective that counts them', async () => {
  const { conversion: _, conversionValue: __, ...columns } = COLUMNS.exposures
  const spec = await specOf(TABLES)
  const shown = { path: 'exposures.jsonl', format: 'JSONLines', columns }
  const without = { ...spec, advertising: { ...spec.advertising, exposures: shown } } as DatasetSpec
  const counting = { objective: { conversion: '1' } }
  expect(await refusalOf(without, smallStages, counting)).toEqual(lacksTables(/no conversions of what was shown/))
  expect(await refusalOf(without)).toMatch(/^\d+ lists$/)
  expect(await refusalOf(spec, smallStages, counting)).toMatch(/^\d+ lists$/)
})
