import { expect, test } from 'vitest'
import { referredDigests } from '../../../operator/reconcilers/artifact-collector.ts'
import { digestOf, objectOf } from './support.ts'

test('an artifact stays while any field that takes a digest names it', () => {
  const fields = ['model', 'champion', 'warmStart', 'reuse']
  const letters = 'abcd'
  const spec = Object.fromEntries(fields.map((field, index) => [field, { digest: digestOf(letters.charAt(index)) }]))
  const inputs = { dataset: digestOf('e'), parent: digestOf('f') }
  const referrer = objectOf<Parameters<typeof referredDigests>[0]>('Any', 'any', spec, {
    digest: digestOf('1'),
    inputs,
  })
  expect(new Set(referredDigests(referrer))).toEqual(new Set(['a', 'b', 'c', 'd', 'e', 'f', '1'].map(digestOf)))
})
