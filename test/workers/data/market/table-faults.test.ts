import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BadDataError } from '../../../../workers/data/errors.ts'
import { COLUMNS, marketOf, specOf, TABLES, type Table, type Tables, TOLD } from './table-support.ts'

describe('bad rows', () => {
  const faults: [table: Table, change: Record<string, unknown>, reason: string][] = [
    ['advertisers', { id: 'acme' }, 'an earlier row has advertiser "acme" already'],
    ['advertisers', { id: 'x', budget: -1 }, 'column "budget" holds no number of at least 0: -1'],
    ['ads', { id: 'a1', item: 'i2' }, 'an earlier row has ad "a1" already'],
    ['ads', { id: 'b', item: 'i9' }, 'ad "b" sponsors item "i9", which ad "a9" has already; an item has one ad'],
    ['ads', { id: 'b', item: 'ix' }, 'item "ix" is not in the Dataset'],
    ['ads', { id: 'b', item: 'i3', bid: 'much' }, 'column "bid" holds no number of at least 0: much'],
    ['ads', { id: 'b', item: 'i3', advertiser: null }, 'column "advertiser" holds no text or a number'],
    ['creatives', { id: 'c1' }, 'an earlier row has creative "c1" already'],
    ['creatives', { id: 'c', item: 'ix' }, 'item "ix" is not in the Dataset'],
    ['creatives', { id: 'c', embedding: 'x' }, 'column "embedding" holds no list of finite numbers: "x"'],
    ['requests', { id: 'r-test' }, 'an earlier row has request "r-test" already'],
    ['requests', { id: 'r1', time: 'soon' }, 'column "time" holds no time'],
    ['requests', { id: 'r2', organic: ['i2', 'ix'] }, 'item "ix" of column of organic is not in the Dataset'],
    ['requests', { id: 'r3', ads: ['ax'], bids: [1] }, 'ad "ax" of column of ads is not in spec.advertising.ads'],
    ['requests', { id: 'r4', ads: ['a1', 'a1'] }, 'column "ads" holds no list of ids, each once: ["a1","a1"]'],
    ['requests', { id: 'r5', ads: ['a9'], bids: [1, 2] }, '2 bids for 1 ads; each ad needs one'],
    [
      'requests',
      { id: 'r6', organic: ['i9'], ads: ['a9'], bids: [1] },
      'item "i9" is organic and that of an eligible ad',
    ],
    ['exposures', { request: 'rx' }, 'request "rx" is not in spec.advertising.requests'],
    ['exposures', { item: 'ix' }, 'item "ix" is not in the Dataset'],
    ['exposures', { ad: 'ax' }, 'ad "ax" is not in spec.advertising.ads'],
    ['exposures', { ad: 'a9' }, 'ad "a9" is of item "i9", not of item "i3"'],
    ['exposures', { creative: 'c9' }, 'creative "c9" is not in spec.advertising.creatives'],
    ['exposures', { creative: 'c1' }, 'creative "c1" is of item "i9", not of item "i3"'],
    ['exposures', { click: 'maybe' }, 'column "click" holds no 1 or 0, true or false: maybe'],
    ['exposures', { click: 0, got: 1 }, 'a click on the creative, but no click on the item'],
    ['exposures', { click: 0, buy: 1 }, 'a conversion, but no click'],
    ['exposures', { buy: 0, paid: 3 }, 'a value of a conversion, but no conversion'],
    ['exposures', { p: 1.5 }, 'column "p" holds no probability above 0 and at most 1: 1.5'],
    ['exposures', { position: 0 }, 'column "position" holds no whole number from 1 on: 0'],
    ['exposures', { position: 1 }, 'an earlier row has item "i3" at position 1 of request "r-train"'],
    ['exposures', { position: 3 }, 'position 3 of request "r-train", but no position 2; lists must be whole'],
  ]

  test('are told by file and line, each with its reason', async () => {
    const base: Record<Table, Record<string, unknown>> = {
      advertisers: TABLES.advertisers[0],
      ads: TABLES.ads[0],
      creatives: TABLES.creatives[0],
      requests: TABLES.requests[2],
      exposures: { ...TABLES.exposures[2], position: 2 },
    }
    const tables: Tables = { ...TABLES }
    for (const [table, change] of faults) tables[table] = [...tables[table], { ...base[table], ...change }]
    // In the log of bad rows there is room for 20 of all tables: half of them at a time.
    for (const wanted of [
      ['advertisers', 'ads', 'creatives'],
      ['requests', 'exposures'],
    ] as const) {
      const some = Object.fromEntries(
        Object.entries(tables).map(([table, rows]) =>
          (wanted as readonly string[]).includes(table) ? [table, rows] : [table, TABLES[table as Table]],
        ),
      )
      const expected = faults.filter(([table]) => (wanted as readonly string[]).includes(table))
      const { badRowExamples, badRows, told } = await marketOf(await specOf(some, { maxBadRows: 100 }))
      // Bad exposures take the one good row of their list along.
      expect(badRows).toBe(expected.length + Number(wanted[1] === 'exposures'))
      expect(badRowExamples.map(({ reason }) => reason)).toEqual(
        expected.slice(0, 20).map(([, , reason]) => expect.stringContaining(reason)),
      )
      const first = badRowExamples.find(({ file }) => file === `${wanted[0]}.jsonl`)
      expect(first?.line).toBe(TABLES[wanted[0]].length + 1)
      expect(told).toEqual(TOLD)
    }
  })

  const entry = (request: string, position: unknown, item = 'i3', more: object = {}) => ({
    ...TABLES.exposures[0],
    ...{ request, position, item },
    ...more,
  })
  const itemsOf = ({ market, dataset }: Awaited<ReturnType<typeof marketOf>>) => {
    const { ids = [], exposed } = market.requests ?? {}
    return Object.fromEntries(
      ids.map((id, request) => [
        id,
        Array.from(
          exposed?.item.subarray(exposed.offsets[request], exposed.offsets[request + 1]) ?? [],
          (item) => dataset.itemIds[item],
        ),
      ]),
    )
  }

  test.each(['CSV', 'JSONLines'] as const)(
    'in %s drop the whole list, told by the line of each row; a row given twice does not',
    async (format) => {
      const exposures = [
        // Whole but for its last row, which names no item of the Dataset.
        entry('r-train', 1),
        entry('r-train', 2),
        entry('r-train', 3, 'ix'),
        // A gap at the start, and a row that cannot say where it stood.
        entry('r-nobody', 2),
        entry('r-validation', 1),
        entry('r-validation', 'top'),
        entry('r-test', 2, 'i2'),
        entry('r-test', 1),
        entry('r-test', 1, 'i4'),
      ]
      const spec = await specOf({ ...TABLES, exposures }, { maxBadRows: 7 })
      if (format === 'CSV') {
        const names = Object.keys(exposures[0]) as (keyof (typeof exposures)[number])[]
        const lines = [names, ...exposures.map((row) => names.map((name) => row[name] ?? ''))].map((row) =>
          row.join(','),
        )
        await writeFile(join(spec.source.file?.path ?? '', 'exposures.csv'), `${lines.join('\n')}\n`)
        if (spec.advertising?.exposures)
          spec.advertising.exposures = { ...spec.advertising.exposures, path: 'exposures.csv', format }
      }
      const ingested = await marketOf(spec)
      expect(itemsOf(ingested)).toEqual({ 'r-nobody': [], 'r-train': [], 'r-validation': [], 'r-test': ['i3', 'i2'] })
      expect(ingested.badRows).toBe(7)
      expect(ingested.advertising).toMatchObject({ exposures: 2 })
      const header = Number(format === 'CSV')
      const told = ingested.badRowExamples.map(({ line, reason }) => `${line - header}: ${reason}`)
      expect(told.slice(3)).toEqual([
        '1: position 1 of request "r-train", but no position 3; lists must be whole',
        '2: position 2 of request "r-train", but no position 3; lists must be whole',
        '4: position 2 of request "r-nobody", but no position 1; lists must be whole',
        '5: position 1 of request "r-validation", but another row of it has no position; lists must be whole',
      ])
    },
  )

  test('of entries of lists whose others are not logged harm nothing but themselves', async () => {
    const exposures = [
      entry('r-train', 3),
      entry('r-test', 7, 'i2'),
      entry('r-test', 2),
      entry('r-test', 2, 'i4'),
      entry('r-nobody', 'top'),
      entry('r-nobody', 2, 'i4'),
      entry('r-validation', 1_000_001),
    ]
    const spec = await specOf({ ...TABLES, exposures }, { maxBadRows: 3 })
    if (spec.advertising?.exposures) spec.advertising.exposures.lists = 'Entries'
    const ingested = await marketOf(spec)
    expect(itemsOf(ingested)).toEqual({
      'r-nobody': ['i4'],
      'r-train': ['i3'],
      'r-validation': [],
      'r-test': ['i3', 'i2'],
    })
    const { ids = [], exposed } = ingested.market.requests ?? {}
    const slots = ids.map((id, request) => [
      id,
      [...(exposed?.slot?.subarray(exposed.offsets[request], exposed.offsets[request + 1]) ?? [])],
    ])
    expect(Object.fromEntries(slots)).toEqual({ 'r-nobody': [1], 'r-train': [2], 'r-validation': [], 'r-test': [1, 6] })
    expect(ingested.advertising).toMatchObject({ exposures: 4, lists: 'Entries' })
    expect(ingested.badRowExamples.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      expect.stringMatching(/^4: an earlier row has item "i3" at position 2/),
      expect.stringMatching(/^5: column "position" holds no whole number/),
      '7: position 1000001 is beyond any list',
    ])
  })

  test('are none where the rows of a list lie in several files, in any order', async () => {
    const spec = await specOf({ ...TABLES, exposures: [entry('r-train', 1), entry('r-train', 3, 'i5')] })
    const folder = spec.source.file?.path ?? ''
    const more = [entry('r-test', 1), entry('r-train', 2, 'i2'), entry('r-train', 4, 'i4')]
    await writeFile(join(folder, 'exposures-2.jsonl'), more.map((row) => `${JSON.stringify(row)}\n`).join(''))
    if (spec.advertising?.exposures) spec.advertising.exposures.path = 'exposures*.jsonl'
    const ingested = await marketOf(spec)
    expect(ingested.badRows).toBe(0)
    expect(itemsOf(ingested)).toMatchObject({ 'r-train': ['i3', 'i2', 'i5', 'i4'], 'r-test': ['i3'] })
    // A gap that no file fills is told in each of them.
    await writeFile(join(folder, 'exposures-2.jsonl'), `${JSON.stringify(entry('r-train', 4))}\n`)
    const gap = await marketOf({ ...spec, maxBadRows: 3 })
    expect(gap.badRowExamples.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'exposures-2.jsonl:1',
      'exposures.jsonl:1',
      'exposures.jsonl:2',
    ])
    await expect(marketOf(spec)).rejects.toThrow(/lists must be whole.*Correct the files/)
  })

  test('end the ingestion beyond maxBadRows; a missing column names its field', async () => {
    const broken = marketOf(await specOf({ ...TABLES, ads: [...TABLES.ads, { ...TABLES.ads[0], id: 'b' }] }))
    await expect(broken).rejects.toThrow(/1 rows cannot be read.*ads\.jsonl:3: ad "b" sponsors item "i1"/)
    const spec = await specOf(TABLES)
    if (spec.advertising?.ads) spec.advertising.ads.columns = { ...COLUMNS.ads, bid: 'price' }
    await expect(marketOf(spec)).rejects.toThrow(
      'ads.jsonl has no column "price"; it has "advertiser", "bid", "id", "item", "value". Change spec.advertising.ads.columns.bid.',
    )
    const none = await specOf(TABLES)
    if (none.advertising?.ads) none.advertising.ads.path = 'nothing*.csv'
    await expect(marketOf(none)).rejects.toThrow(BadDataError)
    await expect(marketOf(none)).rejects.toThrow('Change spec.advertising.ads.path')
  })
})
