import { expect, test } from 'vitest'
import type { ShownObject } from '../../../operator/cli/progress-table.ts'
import { resultScreen } from '../../../operator/cli/result-screen.ts'

const sha = (letter: string) => `sha256:${letter.repeat(64)}`

test('a pipeline is shown with its champion, its candidate, and why its last runs were promoted or not', () => {
  const runs = [6, 5, 4, 3, 2, 1].map((number) => ({ name: `ads-${number}`, state: 'NotPromoted', message: 'worse' }))
  const status = {
    champion: { trainingRun: 'ads-1', digest: sha('a'), summary: 'NDCG@10 0.1 [0.08, 0.12]' },
    candidate: { trainingRun: 'ads-6', digest: sha('b') },
    runs,
  }
  const pipeline = { apiVersion: 'v1', kind: 'RankerPipeline', metadata: { name: 'ads' }, status }
  expect(resultScreen([pipeline as unknown as ShownObject], [], 3, [])).toEqual([
    '',
    'Pipeline ads: champion ads-1 sha256:aaaaaaaaaaaa NDCG@10 0.1 [0.08, 0.12]',
    '  candidate ads-6 sha256:bbbbbbbbbbbb, waits for promotion.approvedDigest',
    ...[6, 5, 4, 3, 2].map((number) => `  ads-${number} NotPromoted: worse`),
    '',
    'Took 3 s.',
  ])
})

test('a pipeline without a champion says so', () => {
  const pipeline = { apiVersion: 'v1', kind: 'RankerPipeline', metadata: { name: 'ads' } }
  expect(resultScreen([pipeline], [], 3, [])).toContain('Pipeline ads: no champion yet')
})

test('of a marketplace a few metrics are shown, as who knows most has judged it', () => {
  const metric = (name: string) => ({ name, value: '1', low: '0', high: '2' })
  const metrics = ['Truth/RPM', 'Truth/Welfare', 'Model/RPM', 'IRViolations', 'Recall@10'].map(metric)
  const status = { metrics, market: { requests: 50 } }
  const evaluation = { apiVersion: 'v1', kind: 'Evaluation', metadata: { name: 'ads' }, status }
  expect(resultScreen([evaluation as unknown as ShownObject], [], 3, [])).toEqual([
    '',
    'Evaluation ads: NOT passed, 50 auctions, 95 % intervals',
    ...['Truth/RPM', 'IRViolations', 'Recall@10'].map((name) => `  ${name.padEnd(24)}        1   [0, 2]`),
    '  and 2 more in status.metrics',
    '',
    'Took 3 s.',
  ])
})

test('sampled lists are shown with their size, and each metric with its level of chance', () => {
  const metric = (name: string) => ({ name, value: '1', low: '0', high: '2' })
  const names = [
    'Sampled/HR@5',
    'Consistency/RankDifference',
    'Chance Sampled/HR@5',
    'Chance Consistency/RankDifference',
  ]
  const status = { metrics: names.map(metric), sampledLists: { lists: 90, listSize: 30 } }
  const evaluation = { apiVersion: 'v1', kind: 'Evaluation', metadata: { name: 'ads' }, status }
  expect(resultScreen([evaluation as unknown as ShownObject], [], 3, []).slice(1, 6)).toEqual([
    'Evaluation ads: NOT passed, 90 lists of 30 at most, 95 % intervals',
    ...names.map((name) => `  ${name.padEnd(33)}        1   [0, 2]`),
  ])
})
