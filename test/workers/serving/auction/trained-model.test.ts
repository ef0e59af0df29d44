import { expect, it } from 'vitest'
import { secondsSpanned } from '../../../../workers/serving/auction/trained-model.ts'

it('a log lasts from its first to its last request, in whatever order', () => {
  expect(secondsSpanned(Float64Array.of(5000, 1000, 3000))).toBe(4)
  expect(secondsSpanned(Float64Array.of(5000, 5000))).toBeUndefined()
  expect(secondsSpanned(new Float64Array())).toBeUndefined()
  expect(secondsSpanned(undefined)).toBeUndefined()
})
