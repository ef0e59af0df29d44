import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { modelJudge } from '../../../../workers/evaluation/market/judge.ts'
import { readMarkets, type StoredMarkets, writeMarkets } from '../../../../workers/evaluation/market/market-files.ts'
import { progressStart } from '../../../../workers/evaluation/market/measure.ts'
import {
  appendRow,
  columnOf,
  emptyTable,
  tableBytes,
  tableFromBytes,
} from '../../../../workers/evaluation/market/table.ts'
import { temporaryFolder } from '../../artifacts/support.ts'

describe('a table', () => {
  const table = emptyTable(['a', 'b'])
  appendRow(table, { b: 0.1, a: 1 })
  appendRow(table, { a: Number.POSITIVE_INFINITY })

  test('is as it was once written and read, whatever its numbers', () => {
    expect(tableFromBytes(table.columns, tableBytes(table))).toEqual(table)
    expect([...columnOf(table, 'b')]).toEqual([0.1, Number.NaN])
    expect(tableFromBytes(['a'], new Uint8Array())).toEqual(emptyTable(['a']))
  })

  test('knows its columns, and no others', () => {
    expect(() => columnOf(table, 'c')).toThrow('no column c: it has a, b')
    expect(() => appendRow(table, { c: 1 })).toThrow('no column c: it has a, b')
    expect(table.values).toHaveLength(4)
  })
})

test('markets are as they were once written and read, on the way and at the end', async () => {
  const progress = progressStart([modelJudge])
  appendRow(progress.outcomes, { request: 0, payment: 1 / 3, 'Model/click': 0.1 })
  progress.shown = 1
  progress.responses = { multipliers: new Map([[3, 0.8]]), rounds: 1, moved: 1 }
  const markets: StoredMarkets = {
    judges: ['Model'],
    requests: [17, 4],
    clusters: Uint32Array.of(2, 9),
    systems: new Map([
      ['model', { progress, paymentRule: 'GSP', sampled: { requests: 2, halfWidth: Number.NaN, ended: 'Exhausted' } }],
      ['champion', { progress: progressStart([modelJudge]), paymentRule: 'VCG', sampled: undefined }],
    ]),
  }
  const folder = await temporaryFolder()
  await writeMarkets(folder, markets)
  expect(await readMarkets({ path: (file) => join(folder, file) })).toEqual(markets)
})
