import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { buildImage } from '../support/image.ts'

const run = promisify(execFile)

interface Described {
  config: { User: string; Entrypoint: string[]; Env: string[]; Labels: Record<string, string> }
  rootfs: { diff_ids: string[] }
}

let folder: string
/** The image's files, as a container sees them. */
let files: string
let described: Described
let problem: string | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adloom-image-'))
  const image = await buildImage({ report: (line) => process.stderr.write(`${line}\n`) })
  if ('reason' in image) {
    problem = image.reason
    return
  }
  await run('tar', ['-x', '-C', folder, '-f', image.archive])
  const blob = (digest: string) => join(folder, 'blobs', digest.replace(':', '/'))
  const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'))
  const index = (await json(join(folder, 'index.json'))) as { manifests: { digest: string }[] }
  const manifest = (await json(blob(index.manifests[0]?.digest ?? ''))) as {
    config: { digest: string }
    layers: { digest: string }[]
  }
  described = (await json(blob(manifest.config.digest))) as Described
  files = join(folder, 'files')
  await mkdir(files)
  for (const { digest } of manifest.layers) await run('tar', ['-x', '-C', files, '-f', blob(digest)])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const inside = (...command: string[]) => run('chroot', ['--userspec=65532:65532', files, ...command])

test('the image is of a user who is not root, and says what it is', (context) => {
  if (problem !== undefined) return context.skip(problem)
  expect(described.config).toMatchObject({
    User: '65532:65532',
    Entrypoint: ['/usr/local/bin/adloom'],
    Labels: { 'org.opencontainers.image.title': 'adloom', 'org.opencontainers.image.licenses': 'Apache-2.0' },
  })
})

test('the image has no shell, no package manager and no package of the tests', async (context) => {
  if (problem !== undefined) return context.skip(problem)
  expect((await readdir(join(files, 'usr/local/bin'))).sort()).toEqual(['adloom', 'node'])
  expect((await readdir(files)).sort()).not.toContain('bin')
  const packages = await readdir(join(files, 'opt/adloom/node_modules'))
  expect(packages).toEqual(expect.arrayContaining(['bullmq', 'onnxruntime-node']))
  for (const name of Object.keys(packageJson.devDependencies)) expect(packages).not.toContain(name)
})

test('the image runs as that user: the command, ONNX Runtime and DuckDB with their libraries', async (context) => {
  if (problem !== undefined) return context.skip(problem)
  expect((await inside('/usr/local/bin/adloom', '--version')).stdout.trim()).toBe(packageJson.version)
  const script = `
    const { InferenceSession } = require('/opt/adloom/node_modules/onnxruntime-node')
    const { DuckDBInstance } = require('/opt/adloom/node_modules/@duckdb/node-api')
    DuckDBInstance.create(':memory:').then(() => console.log(typeof InferenceSession.create))`
  expect((await inside('/usr/local/bin/node', '--eval', script)).stdout.trim()).toBe('function')
})
