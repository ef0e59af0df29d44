import { describe, expect, it } from 'vitest'
import { ageOf, humanDuration } from '../../../operator/embedded/human-duration.ts'
import { compileJsonPath } from '../../../operator/embedded/json-path.ts'

describe('a JSONPath', () => {
  const object = {
    metadata: { labels: { 'a.b/c': 'dotted' } },
    list: [
      { type: 'A', n: 1 },
      { type: 'B', n: 2, sub: { k: 'v' } },
    ],
    'odd name': 0,
  }

  it.each([
    ['.metadata.labels.a\\.b/c', ['dotted']],
    [".metadata.labels['a.b/c']", ['dotted']],
    ['.list[0].n', [1]],
    ['.list[-1].n', [2]],
    ['.list[*].n', [1, 2]],
    ['.list[?(@.type=="B")].n', [2]],
    [".list[?(@.type=='B')].sub.k", ['v']],
    ['.list[?(@.type!="B")].n', [1]],
    ['.list[?(@.sub.k=="v")].type', ['B']],
    ['{.list[0].type}', ['A']],
    ["$['odd name']", [0]],
    ['.absent.deeper', []],
    ['.list[7]', []],
  ])('%s', (path, values) => {
    expect(compileJsonPath(path)(object)).toEqual(values)
  })

  it.each(['.a[', 'a.b', '.a[?(@.b>1)]', '.a..b'])('%s is refused', (path) => {
    expect(() => compileJsonPath(path)).toThrow('cannot read')
  })
})

// The rows of k8s.io/apimachinery pkg/util/duration/duration_test.go that lie at the edges.
describe('an age', () => {
  const second = 1000
  const minute = 60 * second
  const hour = 60 * minute
  const day = 24 * hour

  it.each([
    [-2 * second, '<invalid>'],
    [-500, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + 1 * second, '2m1s'],
    [10 * minute + 30 * second, '10m'],
    [3 * hour - second, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 5 * minute, '3h5m'],
    [8 * hour + 30 * minute, '8h'],
    [2 * day - second, '47h'],
    [2 * day, '2d'],
    [2 * day + 5 * hour, '2d5h'],
    [8 * day + 5 * hour, '8d'],
    [2 * 365 * day + 23 * hour, '2y'],
    [2 * 365 * day + 36 * hour, '2y1d'],
    [8 * 365 * day + 300 * day, '8y'],
  ])('of %i ms is %s', (milliseconds, text) => {
    expect(humanDuration(milliseconds)).toBe(text)
  })

  it('of nothing is unknown', () => {
    expect([ageOf(undefined, 0), ageOf('never', 0), ageOf('1970-01-01T00:00:00Z', 5000)]).toEqual([
      '<unknown>',
      '<unknown>',
      '5s',
    ])
  })
})
