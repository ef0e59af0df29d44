import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../../../operator/cli/replace-process.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adloom-compiled-code-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const run = async (cache: string) => {
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env
  const program = [join(projectRoot, 'operator/cli/main.ts'), 'crds']
  return promisify(execFile)(process.execPath, program, { env: { ...environment, XDG_CACHE_HOME: cache } })
}

test('what was compiled is kept in the user’s cache folder', async () => {
  const cache = join(folder, 'cache')
  await mkdir(cache)
  await run(cache)
  const [engine] = await readdir(join(cache, 'adloom/compiled-code'))
  expect(await readdir(join(cache, 'adloom/compiled-code', engine ?? ''))).not.toEqual([])
})

test('where nothing can be kept all is as without, and nothing is said', async () => {
  const { stdout, stderr } = await run('/dev/null/no-folder')
  expect(stdout).toContain('kind: CustomResourceDefinition')
  expect(stderr).toBe('')
})
