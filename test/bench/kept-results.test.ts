import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepResults } from '../../bench/harness/kept-results.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'adloom-bench-test-'))
})
afterEach(() => rm(directory, { recursive: true }))

const silent = () => undefined

test('a row is measured once for the same settings and sources', async () => {
  const lines: string[] = []
  const first = keepResults(directory, 'v1', silent)
  expect(await first.measured('row', { a: 1, b: 2 }, async () => [0.5, 1.5])).toEqual([0.5, 1.5])

  const second = keepResults(directory, 'v1', (line) => lines.push(line))
  const again = await second.measured('row', { b: 2, a: 1 }, () => Promise.reject(new Error('measured twice')))
  expect(again).toEqual([0.5, 1.5])
  expect(lines).toEqual(['row: measured before'])
})

test.each([
  ['another row', 'v1', 'other', { a: 1 }],
  ['other settings', 'v1', 'row', { a: 2 }],
  ['other sources', 'v2', 'row', { a: 1 }],
])('%s are measured anew', async (_, version, row, settings) => {
  await keepResults(directory, 'v1', silent).measured('row', { a: 1 }, async () => 'old')
  const result = await keepResults(directory, version, silent).measured(row, settings, async () => 'new')
  expect(result).toBe('new')
})

test('a measurement that failed is not kept', async () => {
  const { measured } = keepResults(directory, 'v1', silent)
  await expect(measured('row', {}, () => Promise.reject(new Error('interrupted')))).rejects.toThrow('interrupted')
  expect(await measured('row', {}, async () => 'measured')).toBe('measured')
})
