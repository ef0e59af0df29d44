import { afterAll, describe, expect, test } from 'vitest'
import type { OrganicOrder } from '../../../../crds/auction-terms.ts'
import { type AuctionRequest, unconstrained } from '../../../../workers/auction/auction.ts'
import type { TokenBidding } from '../../../../workers/auction/token-bids.ts'
import { auctionGraph, creativesByItem } from '../../../../workers/decoding/auction/auction-graph.ts'
import { searchTensors } from '../../../../workers/decoding/auction/bid-tensors.ts'
import { possibleList } from '../../../../workers/decoding/auction/list-search.ts'
import {
  type Capacity,
  candidateTensors,
  capacityFor,
  prepareRequest,
} from '../../../../workers/decoding/auction/request-tensors.ts'
import { type GeneratorShape, generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { Session } from '../../../../workers/tensor/session.ts'
import { roughParameters, smallCatalogue, smallShape } from '../../ranker/ega/small-generator.ts'

const itemCount = 40
const catalogue = smallCatalogue(itemCount)
const bidding: TokenBidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' }

const request = (changes: Partial<AuctionRequest> = {}): AuctionRequest => ({
  history: Uint32Array.of(3, 9, 11),
  ads: Uint32Array.of(1, 5, 7),
  bids: Float64Array.of(1, 2.5, 0.4),
  advertisers: Uint32Array.of(0, 1, 0),
  organic: Uint32Array.of(20, 21, 22),
  slots: 3,
  constraints: unconstrained,
  ...changes,
})

/** More than there are lists of any request here. */
const beams = 40

const sessions = new Map<string, Promise<Session>>()
afterAll(async () => {
  for (const session of sessions.values()) await (await session).release()
})

/** One session for all requests of one size. */
function sessionOf(shape: GeneratorShape, capacity: Capacity, organicOrder?: OrganicOrder): Promise<Session> {
  const key = JSON.stringify([shape.creativePrediction, capacity, organicOrder])
  const known = sessions.get(key)
  if (known !== undefined) return known
  const parameters = roughParameters(shape)
  const graph = auctionGraph(
    { shape, catalogue, creativesByItem: creativesByItem(catalogue.offsets) },
    { capacity, beams, organicOrder, parameters: (of) => constantParameters(of, parameters, generatorLayout(shape)) },
  )
  const session = Session.create(writeModel(graph), { threads: 1 })
  sessions.set(key, session)
  return session
}

async function search(shape: GeneratorShape, requests: readonly AuctionRequest[], organicOrder?: OrganicOrder) {
  const prepared = requests.map((each) => prepareRequest(each, catalogue.items))
  const capacity = capacityFor(requests, beams, catalogue.items)
  const session = await sessionOf(shape, capacity, organicOrder)
  const rows = requests.map(({ bids }, index) => ({ request: index, bids }))
  const outputs = await session.run({
    ...historyTensors(
      shape,
      requests.map(({ history }) => ({ items: history })),
    ),
    ...candidateTensors(prepared, capacity, creativesByItem(catalogue.offsets)),
    ...searchTensors(prepared, rows, capacity, { bidding, bidUnit: 1 }, catalogue.items),
  })
  const { slots } = capacity
  return requests.map((_, row) => {
    const at = <T>(data: ArrayLike<T>, beam: number): T[] =>
      Array.from({ length: slots }, (_each, slot) => data[(row * beams + beam) * slots + slot])
    return Array.from({ length: beams }, (_each, beam) => ({
      candidate: at(outputs.candidate.data as Int32Array, beam).filter((each) => each < capacity.columns - 1),
      logZ: at(outputs.logZ.data as Float32Array, beam),
      creative: at(outputs.creative.data as Int32Array, beam),
      score: Number(outputs.score.data[row * beams + beam]),
    })).filter(({ score }) => score > possibleList)
  })
}

/** Whether the rules of the request let a candidate follow a list. */
function mayFollow(
  { ads, constraints, advertisers }: AuctionRequest,
  list: readonly number[],
  next: number,
  organicOrder: OrganicOrder,
): boolean {
  if (list.includes(next)) return false
  const placedAds = list.filter((each) => each < ads.length)
  if (next >= ads.length) return organicOrder === 'Free' || next - ads.length === list.length - placedAds.length
  const newest = list.findLastIndex((each) => each < ads.length)
  const same = placedAds.filter((each) => advertisers[each] === advertisers[next])
  return (
    placedAds.length < constraints.maxAds &&
    (newest < 0 || list.length - newest - 1 >= constraints.minGap) &&
    same.length < constraints.maxPerAdvertiser
  )
}

/** All lists that the rules allow, by trying. */
function legalLists(asked: AuctionRequest, organicOrder: OrganicOrder = 'Fixed'): string[] {
  const lists: string[] = []
  const extend = (list: number[]): void => {
    if (list.length === asked.slots) return void lists.push(list.join())
    for (let next = 0; next < asked.ads.length + asked.organic.length; next++)
      if (mayFollow(asked, list, next, organicOrder)) extend([...list, next])
  }
  extend([])
  return lists.sort()
}

describe.each(['MTP', 'NextToken'] as const)('a search over lists with creatives by %s', (creativePrediction) => {
  const shape = smallShape(itemCount, { creativePrediction })

  test.each([
    ['without constraints', {}],
    ['with two ads at most', { constraints: { ...unconstrained, maxAds: 2 } }],
    ['with an organic item between two ads', { constraints: { ...unconstrained, minGap: 1 } }],
    ['with one ad of an advertiser', { constraints: { ...unconstrained, maxPerAdvertiser: 1 } }],
  ])('wide enough finds exactly the legal lists %s', async (_name, changes) => {
    const asked = request(changes)
    const [found] = await search(shape, [asked])
    const whole = found.filter(({ candidate }) => candidate.length === asked.slots)
    expect(whole.map(({ candidate }) => candidate.join()).sort()).toEqual(legalLists(asked))
    for (const { score, logZ } of whole)
      expect(score).toBeCloseTo(
        logZ.reduce((sum, each) => sum + each),
        4,
      )
  })

  const ads = (count: number) => ({
    ...{ ads: Uint32Array.of(1, 5).subarray(0, count), bids: Float64Array.of(1, 2.5).subarray(0, count) },
    advertisers: Uint32Array.of(0, 1).subarray(0, count),
  })
  test.each([
    ['an ad and three of them', ads(1)],
    ['no ad', { ...ads(2), constraints: { ...unconstrained, maxAds: 0 } }],
    [
      'two ads around one',
      { ...ads(2), organic: Uint32Array.of(20, 21), constraints: { ...unconstrained, minGap: 1 } },
    ],
  ])('finds organic items in every order where they are free of theirs, with %s', async (_name, changes) => {
    const asked = request(changes)
    const [found] = await search(shape, [asked], 'Free')
    const lists = found.flatMap(({ candidate }) => (candidate.length === asked.slots ? [candidate.join()] : []))
    expect(lists.sort()).toEqual(legalLists(asked, 'Free'))
    expect(lists.length).toBeGreaterThanOrEqual(2 * legalLists(asked).length)
  })

  test('gives equal lists whatever else is in the batch', async () => {
    const other = request({
      history: new Uint32Array(0),
      ads: Uint32Array.of(2),
      bids: Float64Array.of(9),
      advertisers: Uint32Array.of(4),
      organic: Uint32Array.of(30, 31),
    })
    const [alone] = await search(shape, [request()])
    const [, beside] = await search(shape, [other, request()])
    expect(beside.map(({ candidate }) => candidate)).toEqual(alone.map(({ candidate }) => candidate))
    for (const [index, { score }] of beside.entries()) expect(score).toBeCloseTo(alone[index].score, 4)
  })

  test('a list that rules cut short comes after every longer one, and ends there', async () => {
    const [found] = await search(shape, [
      request({ organic: Uint32Array.of(20), constraints: { ...unconstrained, maxAds: 1 } }),
    ])
    const lengths = found.map(({ candidate }) => candidate.length)
    expect(lengths[0]).toBe(2)
    expect(lengths).toEqual([...lengths].sort((one, other) => other - one))
  })

  test('an ad below the reserve of a slot does not come there', async () => {
    const [found] = await search(shape, [request({ slotReserves: Float64Array.of(2, 0, 0) })])
    const first = found.flatMap(({ candidate }) => candidate.slice(0, 1))
    expect(new Set(first)).toEqual(new Set([1, 3]))
  })

  test('every entry has a creative of its own item', async () => {
    const asked = request()
    const [found] = await search(shape, [asked])
    const items = [...asked.ads, ...asked.organic]
    for (const { candidate, creative } of found)
      for (const [slot, each] of candidate.entries()) expect(Math.floor(creative[slot] / 2)).toBe(items[each])
  })

  test('an ad comes with none but the creatives that the request allows', async () => {
    const asked = request({ creatives: [undefined, Uint32Array.of(11), undefined] })
    const [found] = await search(shape, [asked])
    const shown = found.flatMap(({ candidate, creative }) =>
      candidate.flatMap((each, slot) => (each === 1 ? [creative[slot]] : [])),
    )
    expect(new Set(shown)).toEqual(new Set([11]))
  })

  test('a higher bid never lowers the place of the ad in the first slot', async () => {
    const probability = async (bid: number) => {
      const [found] = await search(shape, [request({ bids: Float64Array.of(1, bid, 0.4), slots: 1 })])
      return found.find(({ candidate }) => candidate[0] === 1)?.score ?? Number.NEGATIVE_INFINITY
    }
    const scores = await Promise.all([0, 1, 8].map(probability))
    expect(scores).toEqual([...scores].sort((one, other) => one - other))
  })
})
