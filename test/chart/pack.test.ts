import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { startRedis } from '../support/redis.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

let folder: string
/** The packed command, below a node_modules, where Node runs no TypeScript. */
let command: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adloom-pack-'))
  await run('npm', ['pack', '--pack-destination', folder], { cwd: root })
  const modules = join(folder, 'node_modules')
  const target = join(modules, 'adloom')
  await mkdir(target, { recursive: true })
  await run('tar', [
    '-x',
    '-C',
    target,
    '--strip-components=1',
    '-f',
    join(folder, `adloom-${packageJson.version}.tgz`),
  ])
  await linkDependencies(modules)
  command = join(target, packageJson.bin.adloom)
}, 600_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Those of production, as the lock file has them: what only tests need is not there. */
async function linkDependencies(modules: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>
  }
  const present = new Set(await installed())
  const names = Object.entries(lock.packages)
    .filter(([path, { dev }]) => !dev && /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path))
    .map(([path]) => path.slice('node_modules/'.length))
  for (const name of names.filter((one) => present.has(one))) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
}

async function installed(): Promise<string[]> {
  const top = await readdir(join(root, 'node_modules'))
  const scoped = await Promise.all(
    top
      .filter((name) => name.startsWith('@'))
      .map(async (scope) => (await readdir(join(root, 'node_modules', scope))).map((name) => `${scope}/${name}`)),
  )
  return [...top, ...scoped.flat()]
}

test('the packed file holds JavaScript, the quickstart and nothing of the tests', async () => {
  const files = (await readdir(join(folder, 'node_modules/adloom'), { recursive: true })).filter((path) =>
    /\.\w+$/.test(path),
  )
  expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'examples/quickstart/dataset.yaml']))
  const strange = files.filter((path) => !/^(dist\/(crds|operator|workers)\/.*\.js|dist\/package\.json)$/.test(path))
  expect(strange.filter((path) => !/^examples\/(quickstart|market)\//.test(path)).sort()).toEqual([
    'README.md',
    'package.json',
  ])
})

test('no JavaScript of the package names a file of TypeScript', async () => {
  const dist = join(folder, 'node_modules/adloom/dist')
  const scripts = (await readdir(dist, { recursive: true })).filter((path) => path.endsWith('.js'))
  const named = await Promise.all(
    scripts.map(async (path) => {
      const text = await readFile(join(dist, path), 'utf8')
      return [...text.matchAll(/(['"`])[^'"`\s]+\.ts\1/g)].map(([literal]) => `${path}: ${literal}`)
    }),
  )
  expect(scripts.length).toBeGreaterThan(100)
  expect(named.flat()).toEqual([])
})

test('adloom crds prints the definitions', async () => {
  const { stdout } = await run(process.execPath, [command, 'crds'], { cwd: folder })
  expect(stdout.match(/^kind: CustomResourceDefinition$/gm)?.length).toBeGreaterThanOrEqual(6)
})

test('adloom up goes from manifests to a served model: workers, threads and servers start as well', async (context) => {
  const redis = await startRedis()
  if ('reason' in redis) return context.skip(redis.reason)
  onTestFinished(() => redis.stop())
  const manifests = join(folder, 'manifests')
  await mkdir(manifests)
  const reference = { name: 'tiny' }
  const objects: Record<string, object> = {
    WorkerPool: { maxReplicas: 1 },
    Dataset: { source: { simulation: { users: 60, items: 30, seed: 7 } } },
    TokenizerBuild: { datasetRef: reference, features: { text: { dimensions: 8 } }, levels: 2, codebookSize: 8 },
    TrainingRun: {
      datasetRef: reference,
      tokenizerRef: reference,
      model: { layers: 1, hiddenSize: 16, heads: 2, feedForwardSize: 32, historyLength: 8 },
      maxEpochs: 1,
    },
    RankerDeployment: { model: { trainingRunRef: reference }, replicas: 1 },
  }
  for (const [kind, spec] of Object.entries(objects)) {
    const metadata = { name: kind === 'WorkerPool' ? 'default' : 'tiny' }
    const manifest = { apiVersion: 'adloom.dev/v1alpha1', kind, metadata, spec }
    await writeFile(join(manifests, `${kind.toLowerCase()}.yaml`), JSON.stringify(manifest))
  }
  const { stdout } = await run(process.execPath, [command, 'up', '-f', manifests, '--once', '--timeout', '240'], {
    cwd: folder,
    env: { ...process.env, REDIS_URL: redis.url },
  })
  expect(stdout).toContain('RankerDeployment')
}, 300_000)
