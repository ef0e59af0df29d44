import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Bidder } from '../../../../crds/auction-terms.ts'
import type { AuctionRequest, ListConstraints } from '../../../../workers/auction/auction.ts'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { adsOfList, reserveOf } from '../../../../workers/auction/chosen-list.ts'
import { fillList } from '../../../../workers/auction/list-fill.ts'
import type { RewardList } from '../../../../workers/auction/reward-model/scorer.ts'
import type { SearchedLists } from '../../../../workers/decoding/auction/lists-under-bids.ts'
import { type SwappingParts, swappedLists } from '../../../../workers/decoding/auction/swapped-lists.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const itemCount = 40
const expectedBids = Float32Array.from({ length: itemCount }, (_, item) => 0.5 + ((item * 7) % 11) / 4)

/** Clicks fall with the slot, and where the neighbour before is alike. */
const clickOf = (items: ArrayLike<number>, slot: number): number => {
  const item = items[slot] ?? 0
  const alike = slot > 0 && (items[slot - 1] ?? 0) % 3 === item % 3
  return (0.05 + ((item * 13) % 17) / 40) * (1 - 0.08 * slot) * (alike ? 0.6 : 1)
}

const score = async (lists: readonly RewardList[]) =>
  lists.map(({ items }) => ({ pCtr: Float32Array.from(items, (_, slot) => clickOf(items, slot)) }))

const parts = (changes: Partial<SwappingParts> = {}): SwappingParts => ({
  ...{ objective: { conversion: 0, organic: 0.2 }, bidUnit: 1, expectedBids, creativeOffsets: undefined, score },
  ...changes,
})

const requestOf = (changes: Partial<AuctionRequest> = {}): AuctionRequest => ({
  history: new Uint32Array(),
  ads: Uint32Array.from({ length: 20 }, (_, ad) => ad),
  bids: Float64Array.from({ length: 20 }, (_, ad) => 1 + (ad % 4)),
  advertisers: Uint32Array.from({ length: 20 }, (_, ad) => ad % 6),
  organic: Uint32Array.from({ length: 8 }, (_, index) => 30 + index),
  slots: 6,
  constraints: { ...unconstrained, maxAds: 3, minGap: 1 },
  ...changes,
})

/** Some lists that keep the constraints, with the ads in a random order. */
function searched(request: AuctionRequest, seed: number, count = 3): SearchedLists {
  const { slots } = request
  const random = new Random(seed, 'lists')
  const rows = Array.from({ length: count }, () => fillList(request, [...random.permutation(request.ads.length)]))
  const candidate = new Int32Array(count * slots).fill(-1)
  const pCtr = new Float32Array(count * slots)
  rows.forEach((list, row) => {
    const items = list.map(
      (each) => (each < request.ads.length ? request.ads[each] : request.organic[each - request.ads.length]) ?? 0,
    )
    candidate.set(list, row * slots)
    pCtr.set(
      items.map((_, slot) => clickOf(items, slot)),
      row * slots,
    )
  })
  const empty = new Float32Array(count * slots)
  const creative = new Int32Array(count * slots).fill(-1)
  return { count, slots, candidate, creative, logZ: empty, pCtr, pCtrCreative: empty, pCvr: empty }
}

async function swapped(request: AuctionRequest, lists: SearchedLists, changes: Partial<SwappingParts> = {}) {
  const [[found]] = (await swappedLists(parts(changes))([{ request, lists }])) as unknown as [[SearchedLists]]
  return found
}

const rowsOf = ({ count, slots, candidate }: SearchedLists): number[][] =>
  Array.from({ length: count }, (_, row) =>
    [...candidate.subarray(row * slots, (row + 1) * slots)].filter((each) => each >= 0),
  )

const worthsOf = (request: AuctionRequest, lists: SearchedLists): number[] =>
  rowsOf(lists).map((row, index) =>
    row.reduce((sum, candidate, slot) => {
      const bid = candidate < request.ads.length ? (expectedBids[request.ads[candidate] ?? 0] ?? 0) : 0.2
      return sum + bid * (lists.pCtr[index * lists.slots + slot] ?? 0)
    }, 0),
  )

function expectKept(request: AuctionRequest, row: readonly number[]): void {
  const { constraints, ads, organic, advertisers } = request
  const slots = [...row.keys()].filter((slot) => (row[slot] ?? 0) < ads.length)
  expect(new Set(row).size).toBe(row.length)
  expect(slots.length).toBeLessThanOrEqual(constraints.maxAds)
  for (const [index, slot] of slots.slice(1).entries())
    expect(slot - (slots[index] ?? 0)).toBeGreaterThan(constraints.minGap)
  const owners = slots.map((slot) => advertisers[row[slot] ?? 0])
  for (const owner of owners)
    expect(owners.filter((each) => each === owner).length).toBeLessThanOrEqual(constraints.maxPerAdvertiser)
  for (const slot of slots)
    expect(request.bids[row[slot] ?? 0]).toBeGreaterThanOrEqual(reserveOf(request, slot, row[slot] ?? 0))
  const organics = row.filter((each) => each >= ads.length)
  expect(organics).toEqual(organics.map((_, index) => ads.length + index))
  expect(organics.length).toBeLessThanOrEqual(organic.length)
}

describe('lists by swaps', () => {
  test('keep constraints, reserves and the order of organic items, and are none of the search', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1000 }),
        fc.record<ListConstraints>({
          maxAds: fc.integer({ min: 1, max: 4 }),
          minGap: fc.integer({ min: 0, max: 2 }),
          maxPerAdvertiser: fc.integer({ min: 1, max: 3 }),
        }),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 }),
        fc.constantFrom<Bidder[]>('Ad', 'Advertiser'),
        async (seed, constraints, reserves, bidder) => {
          const request = requestOf({ constraints, slotReserves: Float64Array.from(reserves) })
          const lists = searched(request, seed)
          const found = await swapped(request, lists, { bidder })
          const known = new Set(rowsOf(lists).map(String))
          const rows = rowsOf(found)
          expect(new Set(rows.map(String)).size).toBe(rows.length)
          for (const row of rows) {
            expect(known.has(String(row))).toBe(false)
            expectKept(request, row)
          }
        },
      ),
      { numRuns: 40 },
    ))

  test('are worth more than the lists they come of, and have one without each bidder of the best', async () => {
    const request = requestOf()
    for (let seed = 0; seed < 20; seed++) {
      const lists = searched(request, seed)
      const found = await swapped(request, lists, { bidder: 'Advertiser' })
      const [before, after] = [worthsOf(request, lists), worthsOf(request, found)]
      expect(Math.max(...after)).toBeGreaterThan(Math.max(...before))
      const rows = rowsOf(found)
      const best = rows[after.indexOf(Math.max(...after))] ?? []
      const owners = (row: readonly number[]) =>
        row.filter((each) => each < request.ads.length).map((ad) => request.advertisers[ad])
      for (const owner of owners(best)) expect(rows.some((row) => !owners(row).includes(owner))).toBe(true)
    }
  })

  test('do not move with the bids of the request, not with a bid of 0 either', async () => {
    const request = requestOf()
    const lists = searched(request, 1)
    const random = new Random('bids')
    const found = await swapped(request, lists)
    for (let draw = 0; draw < 5; draw++) {
      const bids = request.bids.map(() => (random.uniform() < 0.3 ? 0 : 5 * random.uniform()))
      expect((await swapped({ ...request, bids }, lists)).candidate).toEqual(found.candidate)
    }
  })

  test('close up where one advertiser has all ads, so that it pays for the organic items that it keeps out', async () => {
    const request = requestOf({ advertisers: new Uint32Array(20) })
    const found = await swapped(request, searched(request, 1), { bidder: 'Advertiser' })
    expect(rowsOf(found)).toContainEqual([20, 21, 22, 23, 24, 25])
    // Every ad for itself, another of its own comes in its place.
    const alone = await swapped(request, searched(request, 1))
    for (const row of rowsOf(alone)) expect(row.some((each) => each < 20)).toBe(true)
  })

  test('close up with an organic item that is not in the list, whatever the order of those that are', async () => {
    const request = requestOf({ advertisers: new Uint32Array(20), slots: 3 })
    const lists = { ...searched(request, 1, 1), candidate: Int32Array.of(0, 22, 20) }
    expect(rowsOf(await swapped(request, lists, { bidder: 'Advertiser' }))).toContainEqual([22, 20, 21])
  })

  test('are none where there is no ad to swap', async () => {
    const none = requestOf({ ads: new Uint32Array(), bids: new Float64Array(), advertisers: new Uint32Array() })
    expect((await swapped(none, searched(none, 1, 1))).count).toBe(0)
  })

  test('show an ad in one of the creatives that it may be shown in', async () => {
    const creativeOffsets = Uint32Array.from({ length: itemCount + 1 }, (_, item) => 3 * item)
    const request = requestOf()
    const allowed = Array.from(request.ads, (item) => Uint32Array.of(3 * item + 1, 3 * item + 2))
    const restricted = { ...request, creatives: allowed }
    const lists = searched(restricted, 2)
    const shown = new Set(adsOfRows(lists))
    const found = await swapped(restricted, lists, { creativeOffsets })
    for (let row = 0; row < found.count; row++)
      for (const { ad, slot } of adsOfList(found, row, request.ads.length))
        if (!shown.has(ad)) expect(allowed[ad]).toContain(found.creative[row * found.slots + slot])
  })
})

const adsOfRows = (lists: SearchedLists): number[] =>
  rowsOf(lists)
    .flat()
    .filter((candidate) => candidate < 20)
