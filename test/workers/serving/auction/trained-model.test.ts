import { expect, it } from 'vitest'
import { logSpanOf } from '../../../../workers/serving/auction/trained-model.ts'

it('a log lasts from its first to its last request, in whatever order', () => {
  const spanOf = (...time: number[]) => logSpanOf({ count: time.length, time: Float64Array.from(time) })
  expect(spanOf(5000, 1000, 3000)).toBe(4)
  expect(spanOf(5000, 5000)).toBe('NoSpan')
  expect(spanOf()).toBe('NoRequests')
  expect(logSpanOf({ count: 3 })).toBe('NoTimes')
  expect(logSpanOf(undefined)).toBe('NoRequests')
})
