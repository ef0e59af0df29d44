import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareResourceVersions, isOlder } from '../../../operator/cluster/resource-version.ts'

it('orders versions as the integers that they are, far beyond 2^53', () => {
  const integer = fc.bigInt({ min: 0n, max: 10n ** 30n })
  fc.assert(
    fc.property(integer, integer, (a, b) => {
      expect(Math.sign(compareResourceVersions(`${a}`, `${b}`) ?? Number.NaN)).toBe(a < b ? -1 : a > b ? 1 : 0)
      expect(isOlder(`${a}`, `${b}`)).toBe(a < b)
    }),
  )
})

it.each(['', 'abc', '-1', '1.5', '007'])('knows no order of "%s", only equality', (odd) => {
  expect(compareResourceVersions(odd, '5')).toBeUndefined()
  expect(compareResourceVersions(odd, odd)).toBe(0)
  expect([isOlder(odd, '5'), isOlder('5', odd)]).toEqual([false, false])
})
