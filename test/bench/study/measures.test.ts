import { expect, test } from 'vitest'
import type { Row } from '../../../bench/harness/benchmark.ts'
import { measuredRow, measuresOf, pairedMeasures } from '../../../bench/study/measures.ts'
import { type StudyTerms, studyRows } from '../../../bench/study/rows.ts'
import { formatTables } from '../../../bench/study/table.ts'
import type { MetricGroup } from '../../../workers/evaluation/metric-group.ts'

const options = { samples: 100, seed: 1 }

const group = (name: string, values: number[]): MetricGroup => ({
  clusters: Uint32Array.from(values.keys()),
  columns: new Map([[name, Float64Array.from(values)]]),
  metrics: [{ name, value: (mean) => mean(name) }],
})

test('a row is compared with another by what both were measured by', () => {
  const row = measuredRow('row', [{ sampled: group('HR', [1, 0]), ranking: group('Recall', [1, 1]) }])
  const other = measuredRow('other', [{ sampled: group('HR', [1, 1]) }])
  expect(measuresOf(row, options).map(({ metric, mean }) => [metric, mean])).toEqual([
    ['HR', 0.5],
    ['Recall', 1],
  ])
  expect(pairedMeasures(row, other, options)).toMatchObject([
    { metric: 'HR', difference: { mean: -0.5 }, gain: { mean: -0.5 } },
  ])
})

test('what is the same in every pair differs for certain', () => {
  const values = [3, 1, 4, 1, 5, 9]
  const row = measuredRow('row', [
    {
      sampled: group(
        'HR',
        values.map((value) => value + 1),
      ),
    },
  ])
  const [{ difference }] = pairedMeasures(row, measuredRow('other', [{ sampled: group('HR', values) }]), options)
  for (const value of Object.values(difference)) expect(value).toBeCloseTo(1, 12)
})

test('audits tell how many requests they took, how precise they are, and how many seeds ended by that', () => {
  const audits = [
    { requests: 50, halfWidth: 0.004, ended: 'Precise' as const },
    { requests: 100, halfWidth: 0.02, ended: 'Maximum' as const },
  ]
  const row = measuredRow('row', [{ outcomes: group('RPM', [1]) }], audits)
  const outcome = {
    study: { trainings: new Map(), evaluations: new Map() } as never,
    ...{ seeds: [1, 2], prepared: { dataset: '', tokenizer: '' }, outcomes: [] },
  }
  const told = (rows: readonly Row[]) => Object.fromEntries(rows.map(({ metric, value }) => [metric, value]))
  const expected = { 'audited requests': 75, 'half-width of Psi': 0.02, 'precise seeds': 1 }
  expect(told(studyRows({ ...outcome, rows: [row] }, terms))).toEqual(expected)
  const without = { ...row, audits: [] }
  expect(told(studyRows({ ...outcome, rows: [without] }, terms))).toEqual({})
})

const terms: StudyTerms = {
  referenceOf: () => 'best',
  metrics: ['HR'],
  isGain: () => true,
  publishedDifference: (row) => (row === 'worse' ? -0.25 : undefined),
  source: 'the paper',
}

test('rows tell every wanted metric, how it stands to the reference, and what runs cost', () => {
  const rows = studyRows(
    {
      study: { trainings: new Map([['run', {}]]), evaluations: new Map() } as never,
      seeds: [1, 2],
      prepared: { dataset: '', tokenizer: '' },
      outcomes: [10, 20].map((cpuSeconds) => ({
        trainings: new Map([['run', { digest: '', stages: [], cpuSeconds }]]),
        evaluations: new Map(),
      })),
      rows: [
        measuredRow('best', [{ sampled: group('HR', [1, 1]) }]),
        measuredRow('worse', [{ sampled: group('HR', [1, 0]), ranking: group('Recall', [1]) }]),
      ],
    },
    terms,
  )
  expect(rows).toMatchObject([
    { row: 'best', metric: 'HR', value: 1, seeds: [1, 2] },
    { row: 'worse', metric: 'HR', value: 0.5 },
    { row: 'worse', metric: 'HR, relative to best', value: -0.5, peer: 'the paper', peerValue: -0.25 },
    { row: 'run', metric: 'CPU of training, shared stages once', value: 15, unit: 's' },
  ])
  const text = formatTables(rows, [
    { title: 'Table', columns: [{ metric: 'HR', title: 'HR@1', to: 'to best' }] },
    { title: 'Nothing', columns: [{ metric: 'Psi', title: 'Psi' }] },
    { title: 'Other', reference: 'another', columns: [{ metric: 'HR', title: 'HR@1', to: 'to another' }] },
    { title: 'Some', rows: ['worse', 'absent'], columns: [{ metric: 'HR', title: 'HR@1' }] },
  ])
  expect(text).toMatch(/^worse +0\.5 \[\S+, \S+\] +-50\.0 % \[\S+ %, \S+ %\] +-25\.0 %$/m)
  expect(text).not.toContain('Nothing')
  expect(text).not.toContain('to another')
  expect(text.split('Some:')[1]).not.toContain('best  ')
  expect(text).toMatch(/^run +CPU of training, shared stages once +15$/m)
})
