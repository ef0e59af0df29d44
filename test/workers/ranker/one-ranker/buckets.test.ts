import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contextBucket, contextBuckets, unknownContext } from '../../../../workers/ranker/one-ranker/context-bucket.ts'
import { distanceBucket, distanceBuckets, userBucket } from '../../../../workers/ranker/one-ranker/distance-bucket.ts'

const hour = 3_600_000
const monday = Date.UTC(2024, 0, 1, 9, 30)

describe('context buckets', () => {
  test('are within their number, whatever the times', () => {
    const time = fc.option(fc.double({ min: -1e15, max: 1e15, noNaN: true }), { nil: undefined })
    fc.assert(
      fc.property(time, time, (previous, now) => {
        const bucket = contextBucket(previous, now)
        expect(Number.isInteger(bucket) && bucket >= 0 && bucket < contextBuckets).toBe(true)
        expect(bucket === unknownContext).toBe(now === undefined)
      }),
    )
  })

  test('tell hours and gaps apart, and not days', () => {
    const at = (gap: number | undefined, time: number) =>
      contextBucket(gap === undefined ? undefined : time - gap, time)
    expect(at(hour / 2, monday)).toBe(at(hour / 2, monday + 24 * hour))
    expect(at(hour / 2, monday)).toBe(at(hour / 3, monday + 29 * 60_000))
    const gaps = [
      undefined,
      0,
      5 * 60_000,
      hour / 2,
      3 * hour,
      12 * hour,
      48 * hour,
      120 * hour,
      480 * hour,
      1e4 * hour,
    ]
    const different = gaps.flatMap((gap) => Array.from({ length: 24 }, (_, later) => at(gap, monday + later * hour)))
    expect(new Set(different).size).toBe(contextBuckets - 1)
  })

  test('are the one of what is not known where a time is no number', () => {
    expect(contextBucket(monday, Number.NaN)).toBe(unknownContext)
    expect(contextBucket(Number.NaN, monday)).toBe(contextBucket(undefined, monday))
  })
})

describe('distance buckets', () => {
  test('hold near distances alone and far ones together, in order, apart from that of the user', () => {
    const buckets = Array.from({ length: 5000 }, (_, distance) => distanceBucket(distance))
    expect(buckets.slice(0, 17)).toEqual(Array.from({ length: 17 }, (_, distance) => distance))
    expect(buckets.every((bucket, index) => index === 0 || (bucket - buckets[index - 1]) ** 2 <= 1)).toBe(true)
    expect([distanceBucket(32), distanceBucket(64)]).toEqual([20, 24])
    expect(buckets[4999]).toBe(distanceBuckets - 2)
    expect(userBucket).toBe(distanceBuckets - 1)
  })
})
