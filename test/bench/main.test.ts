import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Report } from '../../bench/harness/report.ts'

const main = join(import.meta.dirname, '../../bench/main.ts')
const bench = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args])

test('without a name it lists the benchmarks', async () => {
  expect((await bench()).stderr).toMatch(/Benchmarks:\n(.*\n)* {2}workqueue +\S+/)
})

test('an unknown name is refused with the list', async () => {
  const refused = bench('nonsense').catch((error: unknown) => error)
  expect(await refused).toMatchObject({ code: 64, stderr: expect.stringContaining('No benchmark is named nonsense') })
})

test('a benchmark prints a table and writes the same rows as JSON', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'adloom-bench-test-'))
  try {
    const json = join(directory, 'result.json')
    const { stdout } = await bench('workqueue', '--quick', '--json', json)
    const report = JSON.parse(await readFile(json, 'utf8')) as Report
    expect(report).toMatchObject({ bench: 'workqueue', quick: true, machine: { cores: availableParallelism() } })
    expect(report.commit).toMatch(/^[0-9a-f]{40}(-dirty-[0-9a-f]{8})?$/)
    expect(report.rows.length).toBeGreaterThan(0)
    for (const { row, unit } of report.rows) expect(stdout).toMatch(new RegExp(`${row}.*${unit}`))
  } finally {
    await rm(directory, { recursive: true })
  }
})
