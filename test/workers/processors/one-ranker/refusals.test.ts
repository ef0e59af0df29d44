import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { pretrainingData } from '../../../../workers/processors/one-ranker/training-data.ts'
import { specOf, TABLES } from '../../data/market/table-support.ts'
import { lacksTables } from '../staged/small-run.ts'
import { smallDataset, smallWorld } from '../staged/small-world.ts'
import { inputsOf, smallSpec, smallStages } from './small-run.ts'

const { requests, exposures } = TABLES

async function refusalOf(spec: DatasetSpec, stages: object = smallStages) {
  const world = await smallWorld(spec, false)
  onTestFinished(() => rm(world.folder, { recursive: true, force: true }))
  return inputsOf(world, smallSpec(stages))
    .then((inputs) => `${pretrainingData(inputs).train(1).count} samples`)
    .catch(({ reason, message, retryable }) => ({ reason, message, retryable }))
}

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

test('one whose requests are all of the test part has no click to learn', async () => {
  const later = requests.filter(({ id }) => id === 'r-test')
  const shown = exposures.filter(({ request }) => request === 'r-test')
  const spec = await specOf({ ...TABLES, requests: later, exposures: shown })
  expect(await refusalOf(spec, { pretrain: { targets: ['Exposed'] } })).toEqual(lacksTables(/training part/))
})
