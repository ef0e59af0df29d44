import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { DatasetSpec, InteractionsSpec } from '../../../workers/data/dataset-spec.ts'
import { BadDataError } from '../../../workers/data/errors.ts'
import { temporaryFolder } from '../artifacts/support.ts'
import { ingest, sequencesById, sourceWith, writeParquet } from './support.ts'

const COLUMNS = { user: 'user', item: 'item', time: 'time' }
const LONG = 'x'.repeat(257)

function specOf(path: string, interactions: InteractionsSpec, more: Partial<DatasetSpec> = {}): DatasetSpec {
  return { source: { file: { path } }, interactions, split: { strategy: 'LeaveOneOut' }, maxBadRows: 100, ...more }
}

const placesOf = (examples: readonly { file: string; line: number }[]): string[] =>
  examples.map(({ file, line }) => `${file}:${line}`)

describe('bad rows, by format', () => {
  test('JSON Lines', async () => {
    const lines = [
      '{"user":"a","item":"1","time":1}',
      '{"user":"a","item":',
      '',
      '["a","1",1]',
      '{"user":"a","item":"2","time":"soon"}',
      '{"user":"a","time":3}',
      '{"user":null,"item":"2","time":3}',
      '{"user":{"id":1},"item":"2","time":3}',
      `{"user":"${LONG}","item":"2","time":3}`,
      '{"user":"a","item":"2","time":"2024-01-01T00:00:00Z"}',
      '{"user":"","item":"2","time":4}',
      '{"user":"a","item":"2","time":1e999}',
    ]
    const folder = await sourceWith({ 'logs/a.jsonl': lines.join('\n') })
    const { badRowExamples, badRows, dataset } = await ingest(
      specOf(folder, { path: '**/*.jsonl', format: 'JSONLines', columns: COLUMNS }),
    )
    expect(badRowExamples.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '2: not valid JSON',
      '4: not a JSON object but array',
      '5: column "time" holds no time (RFC 3339, or a number since 1970)',
      '6: column "item" holds no text or number',
      '7: column "user" holds no text or number',
      '8: column "user" holds no text or number',
      '9: column "user" holds more than 256 characters',
      '11: column "user" holds no text or number',
      '12: column "time" holds no time (RFC 3339, or a number since 1970)',
    ])
    expect(badRows).toBe(9)
    expect(badRowExamples[0].file).toBe('logs/a.jsonl')
    expect(sequencesById(dataset)).toEqual({ a: ['1', '2'] })
  })

  test('JSON Lines that are no UTF-8, or too long', async () => {
    const text = [
      Buffer.from('{"user":"a","item":"1","time":1}\n'),
      Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]),
      Buffer.from(`{"user":"a","item":"${'y'.repeat(2_100_000)}","time":1}\n`),
      Buffer.from('{"user":"a"}\n{"user":"a","item":"2","time":1}\n'),
    ]
    const folder = await sourceWith({ 'a.jsonl': Buffer.concat(text) })
    const { badRowExamples, badRows, dataset } = await ingest(
      specOf(folder, { path: 'a.jsonl', format: 'JSONLines', columns: COLUMNS }),
    )
    expect(placesOf(badRowExamples)).toEqual(['a.jsonl:2', 'a.jsonl:3', 'a.jsonl:4'])
    expect(badRowExamples[0].reason).toMatch(/utf-8|unicode/i)
    expect(badRows).toBe(3)
    expect(sequencesById(dataset)).toEqual({ a: ['1', '2'] })
  })

  const csv = [
    'user,item,time,note',
    'a,1,1,"two',
    'lines"',
    '',
    'a,2,2',
    'a,3,soon,',
    'a,4,4,x,y',
    ',5,5,',
    'a,6,6,"""quoted"""',
    'a,,7,',
  ].join('\n')

  test.each<[string, string | Buffer]>([
    ['a.csv', csv],
    ['a.csv.gz', gzipSync(csv)],
  ])('%s: physical lines, whatever is quoted, blank or rejected before', async (name, contents) => {
    const folder = await sourceWith({ [name]: contents })
    const { badRowExamples, badRows, dataset } = await ingest(
      specOf(folder, { path: name, format: 'CSV', columns: COLUMNS }),
    )
    expect(badRowExamples.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '5: Expected Number of Columns: 4 Found: 3',
      '6: column "time" holds no time (RFC 3339, or a number since 1970)',
      '7: Expected Number of Columns: 4 Found: 5',
      '8: column "user" holds no text or number',
      '10: column "item" holds no text or number',
    ])
    expect(badRows).toBe(5)
    expect(sequencesById(dataset)).toEqual({ a: ['1', '6'] })
  })

  test('Parquet, by row', async () => {
    const folder = await temporaryFolder()
    await writeParquet(
      join(folder, 'a.parquet'),
      `SELECT * FROM (VALUES ('a', 1, 1.0), (NULL, 2, 2.0), ('a', 3, 'nan'::DOUBLE), ('${LONG}', 4, 4.0), ('a', 5, 5.0)) t("user", item, "time")`,
    )
    const { badRowExamples, dataset } = await ingest(
      specOf(folder, { path: 'a.parquet', format: 'Parquet', columns: COLUMNS }),
    )
    expect(placesOf(badRowExamples)).toEqual(['a.parquet:2', 'a.parquet:3', 'a.parquet:4'])
    expect(sequencesById(dataset)).toEqual({ a: ['1', '5'] })
  })

  test('sequence lines', async () => {
    const folder = await sourceWith({ 's.txt': `a 1 2\nlonely\n\nb 1 ${LONG}\nc 3\n` })
    const { badRowExamples, dataset } = await ingest(specOf(folder, { path: 's.txt', format: 'SequenceLines' }))
    expect(badRowExamples).toEqual([
      { file: 's.txt', line: 2, reason: 'a user without items' },
      { file: 's.txt', line: 4, reason: 'an id has more than 256 characters' },
    ])
    expect(sequencesById(dataset)).toEqual({ a: ['1', '2'], c: ['3'] })
  })

  test('catalogue', async () => {
    const items = '{"id":"1","v":[1,2]}\n{"v":[1,2]}\n{"id":"2","v":[1,"x"]}\n{"id":"3","v":3}\n{"id":"4"}\n'
    const folder = await sourceWith({ 's.txt': 'u 1\n', 'items.jsonl': items })
    const catalogue = { path: 'items.jsonl', format: 'JSONLines', columns: { id: 'id', embedding: 'v' } } as const
    const { badRowExamples } = await ingest(
      specOf(folder, { path: 's.txt', format: 'SequenceLines' }, { items: catalogue }),
    )
    expect(placesOf(badRowExamples)).toEqual(['items.jsonl:2', 'items.jsonl:3', 'items.jsonl:4', 'items.jsonl:5'])
  })
})

describe('how many', () => {
  const bad = (count: number) => 'not json\n'.repeat(count)

  test('all are counted, the first 20 over all files kept', async () => {
    const folder = await sourceWith({ 'a.jsonl': `{"user":"a","item":"1","time":1}\n${bad(15)}`, 'b.jsonl': bad(15) })
    const { badRows, badRowExamples, metadata } = await ingest(
      specOf(folder, { path: '*.jsonl', format: 'JSONLines', columns: COLUMNS }),
    )
    expect(badRows).toBe(30)
    expect(placesOf(badRowExamples)).toEqual([
      ...Array.from({ length: 15 }, (_, index) => `a.jsonl:${index + 2}`),
      ...Array.from({ length: 5 }, (_, index) => `b.jsonl:${index + 1}`),
    ])
    expect(metadata.summary).toMatchObject({ badRows: 30 })
  })

  test('beyond maxBadRows the dataset fails, not to be retried, and says where', async () => {
    const folder = await sourceWith({ 'a.jsonl': `{"user":"a","item":"1","time":1}\n${bad(3)}` })
    const spec = specOf(folder, { path: 'a.jsonl', format: 'JSONLines', columns: COLUMNS })
    expect((await ingest({ ...spec, maxBadRows: 3 })).badRows).toBe(3)
    const error = await ingest({ ...spec, maxBadRows: 2 }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(BadDataError)
    expect(error).toMatchObject({ reason: 'BadRows', retryable: false })
    expect(String(error)).toMatch(/3 rows.*maxBadRows allows 2.*a\.jsonl:2: not valid JSON/)
  })
})

describe('a column that is not there', () => {
  const read = (format: 'CSV' | 'JSONLines' | 'Parquet'): InteractionsSpec => ({
    path: 'a.*',
    format,
    columns: { ...COLUMNS, item: 'sku' },
  })

  test.each<['CSV' | 'JSONLines', string, string]>([
    ['CSV', 'a.csv', 'user,item,time\na,1,1\n'],
    ['JSONLines', 'a.jsonl', 'broken\n{"user":"a","item":"1","time":1}\n'],
  ])('%s: named with the file, what it has, and the field', async (format, name, contents) => {
    const folder = await sourceWith({ [name]: contents })
    const error = await ingest(specOf(folder, read(format))).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ reason: 'ColumnNotFound', retryable: false })
    expect(String(error)).toContain(`${name} has no column "sku"`)
    expect(String(error)).toMatch(/"item".*Change spec\.interactions\.columns\.item/)
  })

  test('Parquet; and a file that is no Parquet', async () => {
    const folder = await temporaryFolder()
    await writeParquet(join(folder, 'a.parquet'), `SELECT 'a' AS "user", 1 AS item, 1 AS "time"`)
    await expect(ingest(specOf(folder, read('Parquet')))).rejects.toThrow(
      'a.parquet has no column "sku"; it has "user", "item", "time"',
    )
    const text = await sourceWith({ 'a.parquet': 'user,item\n' })
    await expect(ingest(specOf(text, read('Parquet')))).rejects.toThrow('a.parquet is no readable Parquet file')
  })

  test('a file whose structure breaks is named, and not tried again', async () => {
    const folder = await sourceWith({ 'a.csv': 'user,sku,time\n\nd,4,1\n\r\n\r\na,3,1\n' })
    const error = await ingest(specOf(folder, read('CSV'))).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ reason: 'SourceUnreadable', retryable: false })
    expect(String(error)).toContain('a.csv cannot be read')
  })

  test('a header that names a column twice, and an empty file', async () => {
    const folder = await sourceWith({ 'a.csv': 'user,sku,time,user\n' })
    await expect(ingest(specOf(folder, read('CSV')))).rejects.toThrow('names the column "user" twice')
    const empty = await sourceWith({ 'a.csv': '' })
    await expect(ingest(specOf(empty, read('CSV')))).rejects.toThrow('the files of spec.interactions.path hold none')
  })
})
