import { expect, test } from 'vitest'
import {
  bucketQuantile,
  bucketsOf,
  difference,
  sumOf,
  totalOf,
  writesByResource,
} from '../../bench/control-plane/exposition.ts'
import { independentRuns, mixedObjects, poolNames, teamSize } from '../../bench/control-plane/objects.ts'
import { kinds } from '../../crds/kinds.ts'

const histogram = (counts: [le: string, count: number][], controller = 'a') =>
  counts.map(([le, count]) => `seconds_bucket{controller="${controller}",le="${le}"} ${count}`).join('\n')

test('the series of a histogram are added up, and an earlier reading is taken off', () => {
  const before = bucketsOf(
    histogram([
      ['1', 1],
      ['2', 1],
      ['+Inf', 1],
    ]),
    'seconds',
  )
  const text = [
    histogram([
      ['1', 3],
      ['2', 5],
      ['+Inf', 5],
    ]),
    histogram(
      [
        ['1', 1],
        ['2', 1],
        ['+Inf', 1],
      ],
      'b',
    ),
  ]
  const after = bucketsOf(text.join('\n'), 'seconds')
  expect(after).toEqual({ ends: [1, 2, Number.POSITIVE_INFINITY], cumulative: [4, 6, 6] })
  expect(difference(after, before).cumulative).toEqual([3, 5, 5])
})

test('a quantile lies inside its bucket, or at the last end that is known', () => {
  const buckets = { ends: [1, 2, Number.POSITIVE_INFINITY], cumulative: [2, 6, 8] }
  expect(bucketQuantile(buckets, 0.125)).toBe(0.5)
  expect(bucketQuantile(buckets, 0.5)).toBe(1.5)
  expect(bucketQuantile(buckets, 0.99)).toBe(2)
  expect(() => bucketQuantile({ ends: [1], cumulative: [0] }, 0.5)).toThrow('at least one observation')
})

test('writes are counted but reads and Leases, and names that only begin alike', () => {
  const text = `apiserver_request_total{resource="datasets",subresource="status",verb="APPLY"} 3
apiserver_request_total{resource="events",verb="POST"} 2
apiserver_request_total{resource="datasets",verb="WATCH"} 5
apiserver_request_total{resource="leases",verb="PUT"} 7
apiserver_request_total_other{resource="datasets",verb="POST"} 11`
  const writes = writesByResource(text)
  expect([...writes]).toEqual([
    ['APPLY datasets/status', 3],
    ['POST events', 2],
  ])
  expect(totalOf(writes)).toBe(5)
  expect(sumOf(text, 'apiserver_request_total')).toBe(17)
})

test('mixed objects are of every kind, with names of their own and a pool a team', () => {
  const objects = mixedObjects(3 * teamSize)
  expect(objects).toHaveLength(3 * teamSize)
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(new Set(kinds.map(({ kind }) => kind)))
  expect(new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).size).toBe(objects.length)
  expect(poolNames(objects)).toHaveLength(3)
  expect(() => mixedObjects(teamSize + 1)).toThrow('no multiple')
})

test('no two runs have the same inputs', () => {
  const specs = [0, 1].flatMap((round) => independentRuns(round, 3)).map((run) => JSON.stringify(Object(run).spec))
  expect(new Set(specs).size).toBe(6)
})
