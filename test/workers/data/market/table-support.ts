import { expect } from 'vitest'
import type { Advertising } from '../../../../crds/advertising.ts'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import type { Market } from '../../../../workers/data/market/market.ts'
import { openMarket } from '../../../../workers/data/market/open-market.ts'
import { ingest, sourceWith } from '../support.ts'

export type Rows = Record<string, unknown>[]
export type Table = 'advertisers' | 'ads' | 'creatives' | 'requests' | 'exposures'
export type Tables = Record<Table, Rows>

/** ann takes i1 .. i5 at seconds 10 .. 50, bob i1 at 15; i9 stands in the catalogue alone. */
const INTERACTIONS = [1, 2, 3, 4, 5]
  .map((item) => ({ user: 'ann', item: `i${item}`, time: item * 10 }))
  .concat({ user: 'bob', item: 'i1', time: 15 })
const ITEMS = [1, 2, 3, 4, 5, 9].map((item) => ({ id: `i${item}` }))

export const TABLES: Tables = {
  advertisers: [
    { id: 'acme', budget: 12.5 },
    { id: 'idle', budget: null },
  ],
  ads: [
    { id: 'a1', item: 'i1', advertiser: 'acme', bid: 0.5, value: 0.75 },
    { id: 'a9', item: 'i9', advertiser: 'zeta', bid: 2, value: null },
  ],
  creatives: [
    { id: 'c1', item: 'i9', text: 'nine', embedding: [1, 2] },
    { id: 'c2', item: 'i9', text: 'neuf', embedding: [3, 4] },
    { id: 'c3', item: 'i2', text: 'two', embedding: [5, 6] },
  ],
  requests: [
    { id: 'r-test', user: 'ann', time: 45, organic: ['i5', 'i2'], ads: ['a1', 'a9'], bids: [0.25, 3] },
    { id: 'r-train', user: 'ann', time: 25, organic: ['i3'], ads: ['a9'], bids: [4] },
    { id: 'r-validation', user: 'ann', time: 35, organic: [], ads: [], bids: [] },
    { id: 'r-nobody', user: 'eve', time: 20, organic: ['i4'], ads: ['a1'], bids: [1] },
  ],
  exposures: [
    { request: 'r-test', position: 2, item: 'i5', ad: null, creative: null, click: 0, got: 0, buy: 0, paid: 0, p: 0.5 },
    {
      request: 'r-test',
      position: 1,
      item: 'i9',
      ad: 'a9',
      creative: 'c2',
      click: 1,
      got: 1,
      buy: 1,
      paid: 7,
      p: 0.25,
    },
    {
      request: 'r-train',
      position: 1,
      item: 'i3',
      ad: null,
      creative: null,
      click: 1,
      got: 0,
      buy: 0,
      paid: 0,
      p: null,
    },
  ],
}

export const COLUMNS = {
  advertisers: { id: 'id', budget: 'budget' },
  ads: { id: 'id', item: 'item', advertiser: 'advertiser', bid: 'bid', value: 'value' },
  creatives: { id: 'id', item: 'item', text: 'text', embedding: 'embedding' },
  requests: { id: 'id', user: 'user', time: 'time', organic: 'organic', ads: 'ads', bids: 'bids' },
  exposures: {
    request: 'request',
    position: 'position',
    item: 'item',
    ad: 'ad',
    creative: 'creative',
    click: 'click',
    creativeClick: 'got',
    conversion: 'buy',
    conversionValue: 'paid',
    propensity: 'p',
  },
} satisfies Record<Table, Record<string, string>>

const jsonLines = (rows: Rows): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
export async function specOf(tables: Partial<Tables>, more: Partial<DatasetSpec> = {}): Promise<DatasetSpec> {
  const files = Object.fromEntries(Object.entries(tables).map(([table, rows]) => [`${table}.jsonl`, jsonLines(rows)]))
  const path = await sourceWith({ 'log.jsonl': jsonLines(INTERACTIONS), 'items.jsonl': jsonLines(ITEMS), ...files })
  const advertising = Object.fromEntries(
    Object.keys(tables).map((table) => [
      table,
      { path: `${table}.jsonl`, format: 'JSONLines', columns: { ...COLUMNS[table as Table] } },
    ]),
  ) as Advertising
  return {
    source: { file: { path } },
    interactions: { path: 'log.jsonl', format: 'JSONLines', columns: { user: 'user', item: 'item', time: 'time' } },
    items: { path: 'items.jsonl', format: 'JSONLines', columns: { id: 'id' } },
    split: { strategy: 'LeaveOneOut' },
    advertising,
    ...more,
  }
}

export async function marketOf(spec: DatasetSpec) {
  const ingested = await ingest(spec)
  const artifact = await ingested.store.open(ingested.artifact.digest)
  const market = await openMarket(artifact)
  if (market === undefined) throw new Error('no market')
  return { ...ingested, market, artifact, told: tellById(market, ingested.dataset) }
}

/** The market as its tables were given: free of its numbering. */
function tellById(market: Market, { itemIds, userIds }: { itemIds: readonly string[]; userIds: readonly string[] }) {
  const { advertisers, ads, creatives, requests } = market
  const bare = (value: number) => (Number.isFinite(value) ? value : null)
  const from = <T>(offsets: Uint32Array, index: number, entry: (at: number) => T): T[] =>
    Array.from({ length: offsets[index + 1] - offsets[index] }, (_, place) => entry(offsets[index] + place))
  return {
    advertisers: Object.fromEntries(advertisers.ids.map((id, index) => [id, bare(advertisers.budget[index])])),
    ads: Object.fromEntries(
      ads.ids.map((id, ad) => [
        id,
        [itemIds[ads.item[ad]], advertisers.ids[ads.advertiser[ad]], bare(ads.bid[ad]), bare(ads.value[ad])],
      ]),
    ),
    creatives: Object.fromEntries(
      (creatives?.ids ?? []).map((id, creative) => [
        id,
        [itemIds[creatives?.item[creative] ?? -1], creatives?.text(creative)],
      ]),
    ),
    requests: Object.fromEntries(
      (requests?.ids ?? []).map((id, request) => [
        id,
        {
          user: userIds[requests?.user[request] ?? -1],
          history: requests?.historyEnd[request],
          part: requests?.part[request],
          organic:
            requests?.organic &&
            from(requests.organic.offsets, request, (at) => itemIds[requests.organic?.item[at] ?? -1]),
          ads:
            requests?.ads &&
            from(requests.ads.offsets, request, (at) => [ads.ids[requests.ads?.ad[at] ?? -1], requests.ads?.bid[at]]),
        },
      ]),
    ),
  }
}

/** What tellById says of TABLES. */
export const TOLD = {
  advertisers: { acme: 12.5, idle: null, zeta: null },
  ads: { a1: ['i1', 'acme', 0.5, 0.75], a9: ['i9', 'zeta', 2, 2] },
  creatives: { c1: ['i9', 'nine'], c2: ['i9', 'neuf'], c3: ['i2', 'two'] },
  requests: {
    'r-nobody': { user: undefined, history: 0, part: expect.any(Number), organic: ['i4'], ads: [['a1', 1]] },
    'r-train': { user: 'ann', history: 2, part: 0, organic: ['i3'], ads: [['a9', 4]] },
    'r-validation': { user: 'ann', history: 3, part: 1, organic: [], ads: [] },
    'r-test': {
      user: 'ann',
      history: 4,
      part: 2,
      organic: ['i5', 'i2'],
      ads: [
        ['a1', 0.25],
        ['a9', 3],
      ],
    },
  },
}
