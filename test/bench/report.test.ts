import { expect, test } from 'vitest'
import { formatTable } from '../../bench/harness/report.ts'

test('the table has the columns that some row fills, numbers to the right', () => {
  const table = formatTable([
    { row: 'ours', metric: 'Recall@10', value: 0.065432, unit: 'share', low: 0.06412, high: 0.06671, seeds: [1, 2, 3] },
    { row: 'PopRec', metric: 'Recall@10', value: 1, unit: 'share' },
    { row: 'latency', metric: 'p50', value: 12345.6, unit: 'µs' },
  ])
  expect(table.split('\n')).toEqual([
    'row      metric       value       95 % interval  unit   seeds',
    '-------  ---------  -------  ------------------  -----  -----',
    'ours     Recall@10  0.06543  0.06412 to 0.06671  share  1 2 3',
    'PopRec   Recall@10        1                      share',
    'latency  p50          12346                      µs',
  ])
})
