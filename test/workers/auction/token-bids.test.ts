import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { candidateTrie } from '../../../workers/auction/candidate-trie.ts'
import { entryWeights, logWeight, type TokenBidding } from '../../../workers/auction/token-bids.ts'
import { smallCatalogue } from '../ranker/ega/small-generator.ts'

const bidding: TokenBidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' }

describe('the weight of a bid', () => {
  test('is b^alpha + beta', () => {
    expect(logWeight(3, bidding)).toBeCloseTo(Math.log(3 ** 1.2 + 2), 12)
    expect(logWeight(0, bidding)).toBeCloseTo(Math.log(2), 12)
  })

  test('counts 0^0 as 0, so that what bids nothing weighs beta whatever alpha is', () => {
    expect(logWeight(0, { alpha: 0, beta: 2 })).toBeCloseTo(Math.log(2), 12)
    expect(logWeight(5, { alpha: 0, beta: 2 })).toBeCloseTo(Math.log(3), 12)
  })

  test('is far down and finite where there is none: beta 0 with an organic item', () => {
    const least = logWeight(0, { alpha: 1, beta: 0 })
    expect(least).toBeLessThan(-20)
    expect(Number.isFinite(least)).toBe(true)
  })
})

/** Two levels; ads 0, 1, 2 have the paths 0-0, 0-1, 1-0, organic 3 and 4 have 1-1 and 2-0. */
const codes = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
  [2, 0],
]
const levels = [
  { entry: Int32Array.of(0, 1, 2), parent: new Int32Array(3), path: Int32Array.of(0, 0, 1, 1, 2) },
  { entry: Int32Array.of(3, 4, 5, 6, 7), parent: Int32Array.of(0, 0, 1, 1, 2), path: Int32Array.of(0, 1, 2, 3, 4) },
]
const token = [0, 1, 2, ...codes.map(([, last]) => last)]

const bidsOf = (level: number, changes: Partial<TokenBidding>, bids = [1, 4, 3]): number[] => {
  const linear = { ...bidding, alpha: 1, beta: 1, ...changes }
  const weights = entryWeights(levels[level], bids, linear, { token, size: 3 })
  return Array.from(weights, (weight) => Number((Math.exp(weight) - 1).toFixed(5)))
}

describe('bids of codes', () => {
  test.each<[string, Partial<TokenBidding>, number[], number[]]>([
    ['greatest below the prefix', {}, [4, 3, 0], [1, 4, 3, 0, 0]],
    ['mean below the prefix', { aggregate: 'Average' }, [2.5, 3, 0], [1, 4, 3, 0, 0]],
    ['greatest anywhere', { scope: 'Unconditional' }, [4, 3, 0], [3, 4, 3, 4, 3]],
    ['mean anywhere', { scope: 'Unconditional', aggregate: 'Average' }, [2.5, 3, 0], [2, 4, 2, 4, 2]],
  ])('are the %s', (_, changes, first, second) => {
    expect(bidsOf(0, changes)).toEqual(first)
    expect(bidsOf(1, changes)).toEqual(second)
  })

  test('leave out ads that are not eligible, as those below their own reserve', () => {
    for (const aggregate of ['Max', 'Average'] as const) {
      expect(bidsOf(0, { aggregate }, [-1, 4, -1])).toEqual([4, 0, 0])
      expect(bidsOf(1, { aggregate, scope: 'Unconditional' }, [-1, 4, 3])).toEqual([3, 4, 3, 4, 3])
    }
  })

  test('do not count without token bids', () => {
    expect(entryWeights(levels[1], [1, 4, 3], 'None', { token, size: 3 })).toEqual(new Float32Array(5))
  })
})

describe('the trie of the candidates of a request', () => {
  const { items: catalogue } = smallCatalogue(60)
  const sets = fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 30 })

  test('has the path of every candidate, and at its last level the candidates in their order', () => {
    fc.assert(
      fc.property(sets, (items) => {
        const tries = candidateTrie(catalogue, items)
        for (const [candidate, item] of items.entries()) {
          const path = tries.map((level) => catalogue.tokens[level.entry[level.path[candidate]]])
          expect(path).toEqual(Array.from(catalogue.codes.subarray(item * 3, (item + 1) * 3)))
          for (let level = 1; level < tries.length; level++)
            expect(tries[level].parent[tries[level].path[candidate]]).toBe(tries[level - 1].path[candidate])
        }
        expect(Array.from(tries[2].path)).toEqual(items.map((_, candidate) => candidate))
        expect(tries[2].entry).toHaveLength(items.length)
      }),
    )
  })

  test('has no entry twice', () => {
    fc.assert(
      fc.property(sets, (items) => {
        for (const { entry } of candidateTrie(catalogue, items)) expect(new Set(entry).size).toBe(entry.length)
      }),
    )
  })
})
