import { describe, expect, test } from 'vitest'
import type { JudgeLists, RankedList } from '../../../../workers/evaluation/market/judge.ts'
import { appendLogged, loggedGroup, loggedTable } from '../../../../workers/evaluation/market/logged-lists.ts'
import { columnOf } from '../../../../workers/evaluation/market/table.ts'
import { measureGroup } from '../../../../workers/evaluation/metric-group.ts'
import { smallMarket } from '../../processors/small-market.ts'
import { auctionOf } from './position-auction.ts'

const clusters = Uint32Array.of(5, 6)
/** Requests 1 and 2 of the log, whose candidates are those of the small market. */
const requests = [1, 2].map((index) =>
  auctionOf([1, 2, 3, 4, 5, 6], { organic: Uint32Array.of(6, 7, 8), slots: 3 }, index),
)
const market = smallMarket(4)

function withLog(items: readonly number[], clicks: readonly number[], propensities?: readonly number[]) {
  const { requests: logged } = market
  if (logged === undefined) throw new Error('the market has requests')
  const exposed = {
    offsets: Uint32Array.of(0, 0, 2, 4, 4),
    item: Uint32Array.from(items),
    ad: Int32Array.from(items, (item) => (item < 6 ? item : -1)),
    creative: Int32Array.of(-1, -1, -1, -1),
    click: Uint8Array.from(clicks),
    conversion: Uint8Array.of(0, 1, 0, 0),
    ...(propensities && { propensity: { meaning: 'Marginal' as const, values: Float32Array.from(propensities) } }),
  }
  return { ...market, requests: { ...logged, exposed } }
}

const judge: JudgeLists = async (lists) =>
  lists.map(({ items }) => ({
    click: Float64Array.from(items, (item) => item / 10),
    conversion: new Float64Array(items.length).fill(0.25),
  }))

const logOf = async (...log: Parameters<typeof withLog>) => {
  const table = loggedTable()
  await appendLogged(table, { judge, slots: 3 }, withLog(...log), requests, 0)
  return table
}

describe('the lists of the log', () => {
  test('go before the reward model as they were shown', async () => {
    const seen: RankedList[] = []
    const watching: JudgeLists = (lists) => {
      seen.push(...lists)
      return judge(lists)
    }
    await appendLogged(loggedTable(), { judge: watching, slots: 3 }, withLog([5, 7, 1, 5], [0, 0, 0, 0]), requests, 0)
    expect(seen.map(({ items, ads }) => [[...items], [...ads]])).toEqual([
      [
        [5, 7],
        [5, -1],
      ],
      [
        [1, 5],
        [1, 5],
      ],
    ])
  })

  test('have an ad where one was shown, though the request does not name it', async () => {
    const seen: RankedList[] = []
    const watching: JudgeLists = (lists) => {
      seen.push(...lists)
      return judge(lists)
    }
    const others = requests.map((request) => ({ ...request, marketAds: Uint32Array.of(0, 1) }))
    await appendLogged(loggedTable(), { judge: watching, slots: 3 }, withLog([5, 7, 1, 4], [0, 0, 0, 0]), others, 0)
    expect(seen.map(({ ads }) => Array.from(ads, (ad) => ad >= 0))).toEqual([
      [true, false],
      [true, true],
    ])
  })

  test('end where the slots of the reward model do', async () => {
    const oneSlot: JudgeLists = (lists) => {
      const long = lists.find(({ items }) => items.length > 1)
      if (long !== undefined) throw new Error(`A list of ${long.items.length} items, where there is 1 slot`)
      return judge(lists)
    }
    const table = loggedTable()
    const log = withLog([5, 7, 1, 5], [0, 1, 0, 1], [0.5, 0.25, 0.5, 0.25])
    await appendLogged(table, { judge: oneSlot, slots: 1 }, log, requests, 0)
    expect([...columnOf(table, 'item')]).toEqual([5, 1])
    expect([...columnOf(table, 'propensity')]).toEqual([0.5, 0.5])
  })

  test('keep their slots where they are entries of lists, those beyond the slots of the reward model aside', async () => {
    const logged = withLog([5, 7, 1, 5], [0, 1, 0, 1], [0.5, 0.25, 0.5, 0.25])
    const exposed = { ...logged.requests.exposed, slot: Uint32Array.of(1, 2, 0, 3) }
    const entries = { ...logged, requests: { ...logged.requests, exposed } }
    const seen: RankedList[] = []
    const watching: JudgeLists = (lists) => {
      seen.push(...lists)
      return judge(lists)
    }
    const table = loggedTable()
    await appendLogged(table, { judge: watching, slots: 3 }, entries, requests, 0)
    expect(seen.map(({ items, slots }) => [[...items], [...(slots ?? [])]])).toEqual([
      [
        [5, 7],
        [1, 2],
      ],
      [[1], [0]],
    ])
    expect([...columnOf(table, 'slot')]).toEqual([1, 2, 0])
    expect([...columnOf(table, 'item')]).toEqual([5, 7, 1])
    expect([...columnOf(table, 'propensity')]).toEqual([0.5, 0.25, 0.5])
    expect([...columnOf(table, 'click')]).toEqual([0.5, 0.7, 0.1])
  })

  test('tell how well it is calibrated on what happened, conversions where there was a click', async () => {
    const table = await logOf([5, 7, 1, 5], [0, 1, 0, 1])
    expect([...columnOf(table, 'converted')]).toEqual([Number.NaN, 1, Number.NaN, 0])
    const { metrics } = measureGroup(loggedGroup(table, clusters), '', { samples: 20, seed: 1 })
    const values = Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
    // Fewer pairs than bins: every pair is a bin of its own.
    expect(values['Logged/ECE']).toBeCloseTo((0.5 + 0.3 + 0.1 + 0.5) / 4, 12)
    expect(values['Logged/ConversionECE']).toBeCloseTo((0.75 + 0.25) / 2, 12)
  })
})
