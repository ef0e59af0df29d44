import { describe, expect, test } from 'vitest'
import { type JudgeLists, modelJudge, type RankedList } from '../../../../workers/evaluation/market/judge.ts'
import {
  appendLogged,
  loggedActions,
  loggedGroup,
  loggedTable,
} from '../../../../workers/evaluation/market/logged-lists.ts'
import { appendOutcomes, outcomeTable } from '../../../../workers/evaluation/market/outcomes.ts'
import { appendRow, columnOf } from '../../../../workers/evaluation/market/table.ts'
import { measureGroup } from '../../../../workers/evaluation/metric-group.ts'
import { estimatePolicy } from '../../../../workers/evaluation/off-policy/estimate-policy.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { smallMarket } from '../../processors/small-market.ts'
import { auctionOf, gsp, positionMechanism } from './position-auction.ts'

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
    ...(propensities && { propensity: Float32Array.from(propensities) }),
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
    expect([...loggedActions(table, outcomeTable(['Model']), clusters).logging]).toEqual([0.5, 0.5])
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

  test('count for a policy where its own list has the same item in the same slot', async () => {
    const outcomes = outcomeTable(['Model'])
    const mechanism = positionMechanism({ exposure: [1, 0.5, 0.25], quality: () => 0.4 }, gsp)
    // Its lists: items 5, 4, 3.
    await appendOutcomes(outcomes, mechanism, [modelJudge], requests, 0)
    const propensities = [0.5, 0.25, Number.NaN, 0.125]
    const actions = loggedActions(await logOf([5, 5, 1, 4], [1, 0, 0, 1], propensities), outcomes, clusters)
    expect([...actions.user]).toEqual([5, 5, 6])
    expect([...actions.reward]).toEqual([1, 0, 1])
    expect([...actions.logging]).toEqual([0.5, 0.25, 0.125])
    expect([...actions.target]).toEqual([1, 0, 1])
    expect([...actions.expected.logged]).toEqual([0.5, 0.5, 0.4])
    expect([...actions.expected.target].map((value) => value.toFixed(6))).toEqual(['0.400000', '0.200000', '0.200000'])
  })

  test('have the CTR of the policy where creatives are drawn evenly beside its item', async () => {
    const [count, creatives, ctr] = [6000, 3, 0.3]
    const random = new Random('creatives')
    const every = <T>(of: (request: number) => T) => Array.from({ length: count }, (_, request) => of(request))
    const shown = every(() => random.below(creatives))
    const logged = loggedTable()
    const outcomes = outcomeTable(['Model'])
    for (const [request, creative] of shown.entries()) {
      const clicked = Number(random.uniform() < ctr)
      const entry = { request, slot: 0, item: 5 }
      appendRow(logged, { ...entry, creative, propensity: 1 / creatives, click: ctr, clicked })
      appendRow(outcomes, { ...entry, creative: 1, 'Model/click': ctr })
    }
    const actions = loggedActions(logged, outcomes, Uint32Array.from(every((request) => request)))
    const { estimates, meanWeight } = estimatePolicy(actions, {
      estimators: ['IPS', 'SNIPS', 'DR'],
      clip: Number.POSITIVE_INFINITY,
      rule: { minEffectiveSamples: 1, minPositives: 1 },
      samples: 100,
      seed: 1,
    })
    expect(meanWeight.mean).toBeCloseTo(1, 1)
    for (const { mean } of estimates.values()) expect(mean).toBeCloseTo(ctr, 1)
  })

  test('without propensities say nothing of a policy', async () => {
    const actions = loggedActions(await logOf([5, 5, 1, 4], [1, 0, 0, 1]), outcomeTable(['Model']), clusters)
    expect(actions.user).toHaveLength(0)
  })
})
