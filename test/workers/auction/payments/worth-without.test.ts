import { describe, expect, test } from 'vitest'
import type { CandidateLists } from '../../../../workers/auction/auction.ts'
import { worthWithout } from '../../../../workers/auction/payments/worth-without.ts'
import { requestOf } from '../support.ts'

/** Three ads of two advertisers; rows of two slots, the last candidate organic. */
const request = requestOf([4, 3, 2], 2, {
  advertisers: Uint32Array.of(7, 7, 8),
  organic: Uint32Array.of(50),
})
const lists: CandidateLists = {
  ...{ count: 3, slots: 2, candidate: Int32Array.of(0, 3, 0, 1, 0, 2), creative: new Int32Array(6) },
  ...{ logZ: new Float32Array(6), pCtr: new Float32Array(6).fill(0.5) },
  ...{ pCtrCreative: new Float32Array(6), pCvr: new Float32Array(6) },
  reward: Float32Array.of(6, 3.5, 3),
}

describe('what would be shown without an ad', () => {
  test('is asked for where every list has it, and is unknown where nobody can be asked', async () => {
    const asked: number[][] = []
    const allocator = {
      allocate: async () => [],
      underBids: async (_: unknown, bids: readonly Float64Array[]) => {
        asked.push(...bids.map((each) => [...each]))
        return [{ lists: { ...lists, reward: Float32Array.of(4, 1.5, 1) }, chosen: 0 }]
      },
    }
    const input = { request, allocation: { lists, chosen: 0 } }
    expect(await worthWithout([input], { allocator })).toEqual([Float64Array.of(4, Number.NaN)])
    expect(asked).toEqual([[0, 3, 2]])
    expect(await worthWithout([input], {})).toEqual([Float64Array.of(Number.NaN, Number.NaN)])
  })

  test('is the best list that lacks it, for ads that some lists lack', async () => {
    const [worth] = await worthWithout([{ request, allocation: { lists, chosen: 1 } }], {})
    expect(worth).toEqual(Float64Array.of(Number.NaN, 6))
  })

  test('is the best for all others where advertisers bid as one', async () => {
    const owned = { ...lists, bidder: 'Advertiser' as const }
    const [shown, other] = await worthWithout(
      [0, 2].map((chosen) => ({ request, allocation: { lists: owned, chosen } })),
      {},
    )
    // The first row less ad 0's 2; the second less 2 and 1.5, the third less 2.
    expect(shown).toEqual(Float64Array.of(4, Number.NaN))
    // For ad 2 the first row, where its advertiser has nothing.
    expect(other).toEqual(Float64Array.of(4, 6))
  })
})
