/** Writes the numbered advertising tables into the files of a Dataset artifact, as streams. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBValue } from '@duckdb/node-api'
import type { Advertising } from '../../../../crds/advertising.ts'
import { float32, float64, int32, NumberFile, type NumericArray, uint8, uint32 } from '../../binary-files.ts'
import type { Database } from '../../duckdb.ts'
import { joinText } from '../../item-text.ts'
import { appendLines } from '../../json-lines-file.ts'
import { noUser } from '../market.ts'
import { type AdLine, type AdvertiserLine, type CreativeLine, MARKET_FILES } from '../market-files.ts'
import { goodRows } from './schema.ts'

export async function exportTables(database: Database, directory: string, spec: Advertising): Promise<void> {
  const files = writerOf(database, directory)
  await files.lines(
    MARKET_FILES.advertisers,
    'SELECT id, budget FROM market_advertisers ORDER BY number',
    ([id, budget]): AdvertiserLine => ({ id: String(id), ...amount('budget', budget) }),
  )
  await files.lines(
    MARKET_FILES.ads,
    'SELECT id, item_index, advertiser, bid, value FROM market_ads ORDER BY number',
    ([id, item, advertiser, bid, value]): AdLine => ({
      id: String(id),
      item: Number(item),
      advertiser: Number(advertiser),
      ...amount('bid', bid),
      ...amount('value', value),
    }),
  )
  if (spec.creatives) await exportCreatives(files, spec.creatives.columns.embedding !== undefined)
  if (spec.requests) await exportRequests(files, spec.requests.columns)
  if (spec.exposures) await exportExposures(files, spec.exposures)
}

const amount = <K extends string>(name: K, value: DuckDBValue | undefined): Partial<Record<K, number>> =>
  (value === null || value === undefined ? {} : { [name]: Number(value) }) as Partial<Record<K, number>>

async function exportCreatives(files: Writer, hasEmbeddings: boolean): Promise<void> {
  await files.lines(
    MARKET_FILES.creatives,
    'SELECT id, item_index, text FROM market_creatives ORDER BY number',
    ([id, item, text]): CreativeLine => ({
      id: String(id),
      item: Number(item),
      text: joinText(typeof text === 'string' ? JSON.parse(text) : []),
    }),
  )
  await files.numbers(
    [[MARKET_FILES.creativeOffsets, uint32]],
    offsets('items', 'item_index', 'market_creatives', 'item_index'),
  )
  if (!hasEmbeddings) return
  const rows = 'SELECT unnest(embedding) FROM (SELECT embedding FROM market_creatives ORDER BY number)'
  await files.numbers([[MARKET_FILES.creativeEmbeddings, float32]], rows)
}

type RequestColumns = NonNullable<Advertising['requests']>['columns']

async function exportRequests(files: Writer, columns: RequestColumns): Promise<void> {
  await files.lines(MARKET_FILES.requests, 'SELECT id FROM market_requests ORDER BY number', ([id]) => String(id))
  await files.numbers(
    [
      [MARKET_FILES.requestUsers, uint32],
      [MARKET_FILES.requestHistoryEnds, uint32],
      [MARKET_FILES.requestParts, uint8],
      ...(columns.time === undefined ? [] : [[MARKET_FILES.requestTimes, float64] as const]),
    ],
    `SELECT coalesce(user_index, ${noUser}), history_end, part, time FROM market_requests ORDER BY number`,
  )
  const entries = (list: string, more = '') =>
    `(SELECT number, unnest(range(len(${list}))) AS place, unnest(${list}) AS entry${more} FROM market_requests)`
  const listOffsets = (list: string) =>
    `SELECT CAST(0 AS UINTEGER) UNION ALL SELECT * FROM (SELECT CAST(sum(len(${list})) OVER (ORDER BY number) AS UINTEGER) ` +
    'FROM market_requests ORDER BY number)'
  if (columns.organic !== undefined) {
    await files.numbers([[MARKET_FILES.organicOffsets, uint32]], listOffsets('organic'))
    const items = `SELECT item_index FROM ${entries('organic')} e JOIN items ON item_id = entry ORDER BY e.number, place`
    await files.numbers([[MARKET_FILES.organicItems, uint32]], items)
  }
  if (columns.ads === undefined) return
  await files.numbers([[MARKET_FILES.eligibleOffsets, uint32]], listOffsets('ads'))
  const hasBids = columns.bids !== undefined
  const ads = `SELECT a.number, offered FROM ${entries('ads', `, ${hasBids ? 'unnest(bids)' : 'NULL'} AS offered`)} e
    JOIN market_ads a ON a.id = entry ORDER BY e.number, place`
  await files.numbers(
    [[MARKET_FILES.eligibleAds, uint32], ...(hasBids ? [[MARKET_FILES.eligibleBids, float64] as const] : [])],
    ads,
  )
}

async function exportExposures(
  files: Writer,
  { columns, propensities, lists }: NonNullable<Advertising['exposures']>,
): Promise<void> {
  const { propensities: marginal, conditionalPropensities } = MARKET_FILES
  const told = propensities === 'GivenBefore' ? conditionalPropensities : marginal
  const optional = [
    ['creativeClick', MARKET_FILES.creativeClicks, uint8, 'CAST(coalesce(creativeClick, false) AS UTINYINT)'],
    ['conversion', MARKET_FILES.conversions, uint8, 'CAST(coalesce(conversion, false) AS UTINYINT)'],
    ['conversionValue', MARKET_FILES.conversionValues, float32, 'coalesce(conversionValue, 0)'],
    ['propensity', told, float32, "coalesce(propensity, 'nan'::DOUBLE)"],
  ] as const
  const there = [
    ...optional.filter(([name]) => columns[name] !== undefined),
    ...(lists === 'Entries'
      ? [['position', MARKET_FILES.exposedSlots, uint32, 'CAST(e.position - 1 AS UINTEGER)'] as const]
      : []),
  ]
  await files.numbers(
    [
      [MARKET_FILES.exposedItems, uint32],
      [MARKET_FILES.exposedAds, int32],
      [MARKET_FILES.exposedCreatives, int32],
      [MARKET_FILES.clicks, uint8],
      ...there.map(([, file, create]) => [file, create] as const),
    ],
    `SELECT ${['i.item_index', 'coalesce(CAST(a.number AS INTEGER), -1)', 'coalesce(CAST(c.number AS INTEGER), -1)', 'CAST(e.click AS UTINYINT)', ...there.map(([, , , sql]) => sql)].join(', ')}
     FROM ${goodRows('exposures')} e JOIN market_requests r ON r.id = e.request JOIN items i ON i.item_id = e.item
     LEFT JOIN market_ads a ON a.id = e.ad LEFT JOIN market_creatives c ON c.id = e.creative
     ORDER BY r.number, e.position`,
  )
  const shown = `(SELECT r.number AS owner FROM ${goodRows('exposures')} e JOIN market_requests r ON r.id = e.request)`
  await files.numbers([[MARKET_FILES.exposedOffsets, uint32]], offsets('market_requests', 'number', shown, 'owner'))
}

/** SQL: where the entries of each owner begin, and after the last one where they end. */
const offsets = (owners: string, index: string, entries: string, owner: string): string =>
  'SELECT CAST(0 AS UINTEGER) UNION ALL SELECT * FROM (SELECT CAST(sum(coalesce(count, 0)) OVER (ORDER BY o.index) AS UINTEGER) ' +
  `FROM (SELECT ${index} AS index FROM ${owners}) o ` +
  `LEFT JOIN (SELECT ${owner} AS index, count(*) AS count FROM ${entries} GROUP BY 1) c USING (index) ORDER BY o.index)`

type Create = (values: readonly number[]) => NumericArray

interface Writer {
  /** A JSON value a row. */
  lines(file: string, query: string, line: (row: DuckDBValue[]) => unknown): Promise<void>
  /** One file a column, in the order of the columns; what the query tells beyond them is left out. */
  numbers(columns: readonly (readonly [file: string, create: Create])[], query: string): Promise<void>
}

function writerOf(database: Database, directory: string): Writer {
  return {
    async lines(file, query, line) {
      const handle = await open(join(directory, file), 'w')
      try {
        for await (const chunk of database.stream(query)) await appendLines(handle, chunk.getRows().map(line))
      } finally {
        await handle.close()
      }
    },
    async numbers(columns, query) {
      const files: NumberFile[] = []
      try {
        for (const [file, create] of columns) files.push(await NumberFile.create(join(directory, file), create))
        for await (const chunk of database.stream(query)) {
          const values = chunk.getColumns() as number[][]
          for (const [index, file] of files.entries()) await file.append(values[index])
        }
      } finally {
        for (const file of files) await file.close()
      }
    },
  }
}
