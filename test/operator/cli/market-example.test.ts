import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { readManifests } from '../../../operator/cli/manifests.ts'
import { projectRoot } from '../../../operator/cli/replace-process.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { startRedis } from '../../support/redis.ts'

const run = promisify(execFile)
const example = join(projectRoot, 'examples/market')

/** What is less of in the test; all else is as a user is shown it, the gates too. */
const smaller: Record<string, object> = {
  Dataset: {
    source: { simulation: { users: 300, items: 120 } },
    advertising: { simulation: { adsPerRequest: 20, organicPerRequest: 10 } },
  },
  TokenizerBuild: { codebookSize: 16, creatives: { codebookSize: 16 } },
  TrainingRun: {
    maxEpochs: 2,
    model: { ega: { candidateLists: 8 } },
    stages: { reward: { maxEpochs: 2 }, allocation: { requests: 16 }, payment: { requests: 40, maxEpochs: 10 } },
  },
  Evaluation: { market: { requests: 30, candidateLists: 8, audit: { maxRequests: 20 } } },
}

type Tree = { [field: string]: unknown }

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `base` with the leaves of `change`. */
function merged(base: Tree, change: Tree): Tree {
  const changed = Object.entries(change).map(([field, value]) => {
    const before = base[field]
    return [field, isTree(before) && isTree(value) ? merged(before, value) : value]
  })
  return { ...base, ...Object.fromEntries(changed) }
}

async function writeSmaller(folder: string): Promise<string[]> {
  const manifests = readManifests([example], {})
  for (const { object } of manifests) {
    const { spec } = object as KubernetesObject & { spec: Tree }
    const copy = { ...object, spec: merged(spec, { ...smaller[object.kind] }) }
    await writeFile(join(folder, `${object.kind}.yaml`), JSON.stringify(copy))
  }
  return manifests.map(({ object }) => `${object.kind}/${object.metadata.name}`)
}

/** Lines of the answered list: `slot item advertiser creative pCTR bid pays GSP VCG`; an organic item has no money. */
const rowsOf = (screen: string): string[][] =>
  [...screen.matchAll(/^ +\d+ {2,}item-.*$/gm)].map(([line]) => line.trim().split(/ {2,}/))

test('examples/market goes from a simulated marketplace to priced lists, and passes its gates', async (context) => {
  const redis = await startRedis()
  if ('reason' in redis) return context.skip(redis.reason)
  onTestFinished(() => redis.stop())
  const folder = await mkdtemp(join(tmpdir(), 'adloom-market-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const names = await writeSmaller(folder)
  expect(names).toHaveLength((await readdir(example)).length)

  const main = join(projectRoot, 'operator/cli/main.ts')
  const kept = ['--directory', join(folder, 'kept')]
  // Ends with an error where an object fails or a gate does not hold.
  const { stdout } = await run(process.execPath, [main, 'up', '-f', folder, ...kept, '--once'], {
    env: { ...process.env, REDIS_URL: redis.url },
  })
  expect(stdout).toContain('Evaluation market: Passed, 30 auctions')
  expect(stdout).toMatch(/gate nobody-overpays: holds, IRViolations is 0 /)
  expect(stdout).toMatch(/gate little-to-gain-by-lying: holds/)
  expect(stdout).toMatch(/expected revenue of a view: PaymentNetwork \S+, GSP \S+, VCG \S+/)

  const rows = rowsOf(stdout)
  expect(rows).toHaveLength(6)
  const ads = rows.filter(([, , advertiser]) => advertiser !== 'organic')
  expect(ads.length).toBeGreaterThan(0)
  expect(ads.length).toBeLessThanOrEqual(3)
  for (const [, , , , , bid, pays] of ads) expect(Number(pays)).toBeLessThanOrEqual(Number(bid))
}, 240_000)
