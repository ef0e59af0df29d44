import { expect, test } from 'vitest'
import { evaluationCases, historyOf } from '../../../workers/data/sequences.ts'
import { compare, rankTargets } from '../../../workers/evaluation/evaluate.ts'
import { itemCf } from '../../../workers/evaluation/item-cf.ts'
import { popularity } from '../../../workers/evaluation/popularity.ts'
import { amazonBeauty } from '../data/amazon-beauty.ts'
import { ingest } from '../data/support.ts'

test('baselines on Amazon Beauty have the figures of an independent computation', async (context) => {
  const { dataset } = await ingest(amazonBeauty(context))
  const columns = evaluationCases(dataset, 'test')
  const cases = Array.from({ length: columns.count }, (_, index) => ({
    user: columns.user[index],
    target: columns.target[index],
    history: historyOf(dataset, columns, index),
  }))
  const ranksOf = async (recommender: ReturnType<typeof itemCf>) => ({
    name: recommender.name,
    ranks: await rankTargets(recommender, cases, { cutoff: 10 }),
  })
  const model = await ranksOf(itemCf(dataset, 1))
  const { metrics } = compare(columns.user, model, [await ranksOf(popularity(dataset, 1))], {
    cutoffs: [5, 10],
    samples: 1000,
    seed: 1,
  })
  const values = Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
  const expected = {
    'ItemCF Recall@5': 0.0625,
    'ItemCF NDCG@5': 0.045,
    'ItemCF Recall@10': 0.0847,
    'ItemCF NDCG@10': 0.0522,
    'PopRec Recall@5': 0.0075,
    'PopRec NDCG@5': 0.0041,
    'PopRec Recall@10': 0.0115,
    'PopRec NDCG@10': 0.0055,
  }
  for (const [name, value] of Object.entries(expected)) {
    // Equal scores are many among rare items, and their order is random: half a point of the third figure.
    expect(Math.abs(values[name] - value), name).toBeLessThan(0.0005)
  }
  // Half-width that peers report for this number of users: about .0036 at R@10.
  const recall = metrics.find(({ name }) => name === 'ItemCF Recall@10')
  expect(((recall?.high ?? 0) - (recall?.low ?? 0)) / 2).toBeCloseTo(0.0036, 3)
})
