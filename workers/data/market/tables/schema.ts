/** The advertising tables as SQL holds them, and what their rows may refer to. */
import type { AdvertisingTable } from '../../../../crds/advertising.ts'
import type { Column } from './columns.ts'

export const tableColumns: Record<AdvertisingTable, readonly Column[]> = {
  advertisers: [
    { name: 'id', kind: 'id', isNeeded: true },
    { name: 'budget', kind: 'amount' },
  ],
  ads: [
    { name: 'id', kind: 'id', isNeeded: true },
    { name: 'item', kind: 'id', isNeeded: true },
    { name: 'advertiser', kind: 'id', isNeeded: true },
    { name: 'bid', kind: 'amount' },
    { name: 'value', kind: 'amount' },
  ],
  creatives: [
    { name: 'id', kind: 'id', isNeeded: true },
    { name: 'item', kind: 'id', isNeeded: true },
    { name: 'text', kind: 'text' },
    { name: 'embedding', kind: 'floats', isNeeded: true },
  ],
  requests: [
    { name: 'id', kind: 'id', isNeeded: true },
    { name: 'user', kind: 'id' },
    { name: 'time', kind: 'time', isNeeded: true },
    { name: 'organic', kind: 'ids', isNeeded: true },
    { name: 'ads', kind: 'ids', isNeeded: true },
    { name: 'bids', kind: 'amounts', isNeeded: true },
  ],
  exposures: [
    { name: 'request', kind: 'id', isNeeded: true },
    { name: 'position', kind: 'position', isNeeded: true },
    { name: 'item', kind: 'id', isNeeded: true },
    { name: 'ad', kind: 'id' },
    { name: 'creative', kind: 'id' },
    { name: 'click', kind: 'flag', isNeeded: true },
    { name: 'creativeClick', kind: 'flag' },
    { name: 'conversion', kind: 'flag' },
    { name: 'conversionValue', kind: 'amount' },
    { name: 'propensity', kind: 'probability' },
  ],
}

export const rowsOf = (table: AdvertisingTable): string => `${table}_rows`

/** SQL: the rows of a table that can be used. */
export const goodRows = (table: AdvertisingTable): string => `(SELECT * FROM ${rowsOf(table)} WHERE reason IS NULL)`

/** What is wrong with rows that can be read: a reason, and a query for the rows (of `rows`) that it holds for. */
export interface Check {
  /** SQL over the row `r` and the columns that `of` adds to it. */
  readonly reason: string
  /** SQL: a relation with row_number and what the reason speaks of. `rows` are the good rows of the file. */
  of(rows: string): string
}

const isUnknown = (column: string, known: string): string => `${column} NOT IN (SELECT ${known})`

const unknown = (column: string, noun: string, known: string, where: string): Check => ({
  reason: `'${noun} "' || "${column}" || '" is not in ${where}'`,
  of: (rows) => `(SELECT row_number FROM ${rows} WHERE "${column}" IS NOT NULL AND ${isUnknown(`"${column}"`, known)})`,
})

const wrong = (condition: string, reason: string): Check => ({
  reason,
  of: (rows) => `(SELECT row_number FROM ${rows} WHERE ${condition})`,
})

/** The first entry of a list that nobody knows. */
const unknownInList = (column: string, noun: string, known: string, where: string): Check => ({
  reason: `'${noun} "' || found || '" of column of ${column} is not in ${where}'`,
  of: (rows) =>
    `(SELECT row_number, min(entry) AS found FROM (SELECT row_number, unnest("${column}") AS entry FROM ${rows}) ` +
    `WHERE ${isUnknown('entry', known)} GROUP BY row_number)`,
})

/** Rows after the first one, in the order of files and rows, with the same key. */
const repeated = (table: AdvertisingTable, key: string, reason: string): Check => ({
  reason,
  of: (rows) =>
    `(SELECT row_number, first_id FROM (SELECT file_index, row_number, first_value(${table === 'exposures' ? 'item' : 'id'}) ` +
    `OVER same AS first_id, row_number() OVER same AS nth FROM ${goodRows(table)} ` +
    `WINDOW same AS (PARTITION BY ${key} ORDER BY file_index, row_number)) ` +
    `WHERE nth > 1 AND (file_index, row_number) IN (SELECT (file_index, row_number) FROM ${rows}))`,
})

const repeatedId = (table: AdvertisingTable, noun: string): Check =>
  repeated(table, 'id', `'an earlier row has ${noun} "' || id || '" already'`)

const catalogue = 'item_id FROM items'
const dataset = 'the Dataset: neither in spec.items nor in spec.interactions'

/** In this order: a row is told the first thing that is wrong with it. What only a whole list can tell comes after. */
export const tableChecks: Record<AdvertisingTable, readonly Check[]> = {
  advertisers: [repeatedId('advertisers', 'advertiser')],
  ads: [
    unknown('item', 'item', catalogue, dataset),
    repeatedId('ads', 'ad'),
    repeated(
      'ads',
      'item',
      `'ad "' || id || '" sponsors item "' || item || '", which ad "' || first_id || '" has already; an item has one ad'`,
    ),
  ],
  creatives: [unknown('item', 'item', catalogue, dataset), repeatedId('creatives', 'creative')],
  requests: [
    repeatedId('requests', 'request'),
    unknownInList('organic', 'item', catalogue, dataset),
    unknownInList('ads', 'ad', `id FROM ${goodRows('ads')}`, 'spec.advertising.ads'),
    wrong(
      'bids IS NOT NULL AND len(bids) <> len(ads)',
      `len(bids) || ' bids for ' || len(ads) || ' ads; each ad needs one'`,
    ),
    {
      reason: `'item "' || found || '" is organic and that of an eligible ad; it can be but one of them'`,
      of: (rows) =>
        `(SELECT e.row_number, min(a.item) AS found FROM (SELECT row_number, organic, unnest(ads) AS ad FROM ${rows}) e ` +
        `JOIN ${goodRows('ads')} a ON a.id = e.ad WHERE list_contains(e.organic, a.item) GROUP BY e.row_number)`,
    },
  ],
  exposures: [
    unknown('request', 'request', `id FROM ${goodRows('requests')}`, 'spec.advertising.requests'),
    unknown('item', 'item', catalogue, dataset),
    unknown('ad', 'ad', `id FROM ${goodRows('ads')}`, 'spec.advertising.ads'),
    {
      reason: `'ad "' || ad || '" is of item "' || found || '", not of item "' || item || '"'`,
      of: (rows) =>
        `(SELECT e.row_number, a.item AS found FROM ${rows} e JOIN ${goodRows('ads')} a ON a.id = e.ad WHERE a.item <> e.item)`,
    },
    unknown('creative', 'creative', `id FROM ${goodRows('creatives')}`, 'spec.advertising.creatives'),
    {
      reason: `'creative "' || creative || '" is of item "' || found || '", not of item "' || item || '"'`,
      of: (rows) =>
        `(SELECT e.row_number, c.item AS found FROM ${rows} e JOIN ${goodRows('creatives')} c ON c.id = e.creative ` +
        'WHERE c.item <> e.item)',
    },
    wrong('position > 1000000', `'position ' || position || ' is beyond any list'`),
    wrong('creativeClick AND NOT click', `'a click on the creative, but no click on the item'`),
    wrong('conversion AND NOT click', `'a conversion, but no click'`),
    wrong('conversionValue > 0 AND NOT coalesce(conversion, false)', `'a value of a conversion, but no conversion'`),
    repeated(
      'exposures',
      'request, position',
      `'an earlier row has item "' || first_id || '" at position ' || position || ' of request "' || request || '"'`,
    ),
  ],
}
