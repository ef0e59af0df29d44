import { readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Benchmark } from './harness/benchmark.ts'
import { keepResults } from './harness/kept-results.ts'
import { formatTable, type Report } from './harness/report.ts'
import { sourceVersion } from './harness/source-version.ts'

const usage = `Usage: npm run bench -- NAME [--json FILE] [--data DIR] [--quick] [--fresh]

  --json FILE  write the results as JSON too
  --data DIR   folder of the data that the benchmark reads, where it reads any
  --quick      a small size, for a look
  --fresh      measure again what an interrupted or earlier run of the same sources has measured`

const root = resolve(import.meta.dirname, '..')
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort()

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    data: { type: 'string' },
    quick: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
  },
})
const [name = ''] = positionals
if (positionals.length === 1 && names.includes(name)) await runBenchmark(name)
else {
  if (name) console.error(positionals.length > 1 ? 'One benchmark at a time.\n' : `No benchmark is named ${name}.\n`)
  console.error(`${usage}\n\nBenchmarks:\n${await listBenchmarks()}`)
  process.exitCode = name ? 64 : 0
}

function load(name: string): Promise<Benchmark> {
  return import(`./${name}.ts`)
}

async function listBenchmarks(): Promise<string> {
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map(async (name) => `  ${name.padEnd(width)}  ${(await load(name)).description}`)
  return (await Promise.all(lines)).join('\n')
}

async function runBenchmark(name: string): Promise<void> {
  const benchmark = await load(name)
  const started = performance.now()
  const progress = (line: string) => {
    process.stderr.write(`[${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s] ${line}\n`)
  }
  // Apart, for a look is often taken on a busy machine.
  const directory = join(root, '.cache', 'bench', values.quick ? `${name}-quick` : name)
  if (values.fresh) await rm(directory, { recursive: true, force: true })
  const commit = sourceVersion(root)
  const version = benchmark.sources === undefined ? commit : sourceVersion(root, benchmark.sources)
  const rows = await benchmark.run({
    quick: values.quick,
    ...(values.data === undefined ? {} : { data: resolve(values.data) }),
    progress,
    version,
    results: directory,
    measured: keepResults(directory, version, progress).measured,
  })
  const title = `${name}: ${benchmark.description}${values.quick ? ' (quick: no result)' : ''}`
  console.log(`${title}\n\n${benchmark.format?.(rows) ?? formatTable(rows)}`)
  if (values.json === undefined) return
  const machine = { cores: availableParallelism(), cpu: cpus()[0]?.model.trim() ?? 'unknown' }
  const report: Report = { bench: name, commit, machine, ...(values.quick ? { quick: true } : {}), rows }
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
}
