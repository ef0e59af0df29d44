import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type TestContext, test } from 'vitest'
import { buildTokenizer } from '../../../workers/tokenizer/build.ts'
import type { LearningOptions } from '../../../workers/tokenizer/quantizer.ts'
import { publicData } from '../../support/public-data.ts'
import { smallNetwork, smallRqVae, testDataset } from './support.ts'

/** How well codes of a sample of the catalogue stand for its texts. */
async function reportOf(context: TestContext, network: Pick<LearningOptions, 'rqvae' | 'rqKMeansPlus'>) {
  const folder = publicData('amazon-beauty', context)
  const lines = readFileSync(join(folder, 'items.jsonl'), 'utf8').split('\n').slice(0, 600)
  const items = lines.map((line) => JSON.parse(line) as { text: string; attributes: string[] })
  const dataset = testDataset(items.length, [], {
    itemText: (item) => items[item].text,
    itemAttributes: (item) => items[item].attributes,
  })
  const { report } = await buildTokenizer(dataset, {
    features: { text: { dimensions: 32, ngrams: 2, buckets: 65_536, weight: 1 } },
    levels: 2,
    codebookSize: 32,
    iterations: 10,
    collisions: 'Reassign',
    seed: 1,
    ...network,
  })
  return report
}

const learning = { hidden: [64], learningRate: 0.003, batchSize: 60 }

test('an RQ-VAE codes a sample of Amazon Beauty with entries in use and less error the longer it learns', async (context) => {
  const of = (epochs: number) =>
    reportOf(context, { rqvae: { ...smallRqVae, ...learning, latentDimensions: 16, epochs } })
  const [early, late] = [await of(2), await of(30)]
  expect(late.reconstructionError).toBeLessThan(early.reconstructionError / 2)
  expect(late.reconstructionError).toBeLessThan(0.35)
  expect(Math.min(...late.utilization)).toBeGreaterThan(0.9)
})

test('RQ-k-means+ codes it with less error than the residual k-means that it starts from, entries stay in use', async (context) => {
  const start = await reportOf(context, {})
  const late = await reportOf(context, { rqKMeansPlus: { ...smallNetwork, ...learning, epochs: 30 } })
  expect(late.reconstructionError).toBeLessThan(0.9 * start.reconstructionError)
  expect(Math.min(...late.utilization)).toBeGreaterThan(0.9)
})
