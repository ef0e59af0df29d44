import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildTokenizer } from '../../../workers/tokenizer/build.ts'
import { publicData } from '../../support/public-data.ts'
import { testDataset } from './support.ts'

test('an RQ-VAE codes a sample of Amazon Beauty with entries in use and less error the longer it learns', async (context) => {
  const folder = publicData('amazon-beauty', context)
  const lines = readFileSync(join(folder, 'items.jsonl'), 'utf8').split('\n').slice(0, 600)
  const items = lines.map((line) => JSON.parse(line) as { text: string; attributes: string[] })
  const dataset = testDataset(items.length, [], {
    itemText: (item) => items[item].text,
    itemAttributes: (item) => items[item].attributes,
  })
  const reportOf = async (epochs: number) => {
    const { report } = await buildTokenizer(dataset, {
      features: { text: { dimensions: 32, ngrams: 2, buckets: 65_536, weight: 1 } },
      levels: 2,
      codebookSize: 32,
      iterations: 10,
      collisions: 'Reassign',
      seed: 1,
      rqvae: {
        hidden: [64],
        latentDimensions: 16,
        commitment: 0.25,
        learningRate: 0.003,
        epochs,
        batchSize: 60,
        resetEpochs: 5,
        standardize: true,
      },
    })
    return report
  }
  const [early, late] = [await reportOf(2), await reportOf(30)]
  expect(late.reconstructionError).toBeLessThan(early.reconstructionError / 2)
  expect(late.reconstructionError).toBeLessThan(0.35)
  expect(Math.min(...late.utilization)).toBeGreaterThan(0.9)
})
