import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { DatasetSpec } from '../../../workers/data/dataset-spec.ts'
import { ingest, sourceWith } from './support.ts'

const buckets = 64

/** The low half of MD5, little endian, as an independent reading of what the database computes. */
const bucketOf = (id: string): number =>
  Number(createHash('md5').update(id).digest().readBigUInt64LE(8) % BigInt(buckets))

function sharesOf(items: readonly string[]): number[] {
  const shares = new Array<number>(buckets).fill(0)
  for (const item of items) shares[bucketOf(item)] += 1 / items.length
  return shares
}

async function sharesFrom(files: Record<string, string>, spec: Omit<DatasetSpec, 'source'>): Promise<number[]> {
  const { metadata, popularityShares } = await ingest({ source: { file: { path: await sourceWith(files) } }, ...spec })
  expect((metadata.summary as Record<string, unknown>).popularityShares).toEqual(popularityShares)
  return [...popularityShares]
}

const closeTo = (shares: readonly number[]) => shares.map((share) => expect.closeTo(share, 12))
const sequenceLines = { path: 'log.txt', format: 'SequenceLines' } as const
const columns = { user: 'user', item: 'item', time: 'time' }
const csv = { path: 'log.csv', format: 'CSV', columns } as const
const dayOf = (day: number): number => Date.UTC(2026, 0, 1 + day)
const csvOf = (rows: readonly (readonly [string, string, number])[]): Record<string, string> => ({
  'log.csv': ['user,item,time', ...rows.map(([user, item, day]) => `${user},${item},${dayOf(day)}`)].join('\n'),
})

test('without times they are those of the last fifth of each training part', async () => {
  // Training parts of 10 and 4 items: two of the first user, one of the second (a fifth, rounded up).
  const log = 'u a b c d e f g h i j k l\nv m n o p q r\n'
  const shares = await sharesFrom(
    { 'log.txt': log },
    { interactions: sequenceLines, split: { strategy: 'LeaveOneOut' } },
  )
  expect(shares).toEqual(closeTo(sharesOf(['i', 'j', 'p'])))
})

test('with times they are those of the latest fifth of all training parts, ties included', async () => {
  const rows = 'abcdefghij'.split('').map((item, day): [string, string, number] => ['u', item, day])
  const late = 'klmn'.split('').map((item): [string, string, number] => ['v', item, 7])
  // Training: a to h of days 0 to 7, and k, l of day 7; the fifth that is latest begins on day 7.
  const shares = await sharesFrom(csvOf([...rows, ...late]), { interactions: csv, split: { strategy: 'LeaveOneOut' } })
  expect(shares).toEqual(closeTo(sharesOf(['h', 'k', 'l'])))
})

test('a temporal split leaves out what comes after its training part', async () => {
  const rows = 'abcdefghij'.split('').map((item, day): [string, string, number] => ['u', item, day])
  const at = (day: number) => new Date(dayOf(day)).toISOString()
  const split = { strategy: 'Temporal', validationStartTime: at(5), testStartTime: at(8) } as const
  expect(await sharesFrom(csvOf(rows), { interactions: csv, split })).toEqual(closeTo(sharesOf(['e'])))
})
