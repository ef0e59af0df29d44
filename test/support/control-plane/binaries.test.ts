import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findBinaries } from './binaries.ts'
import { withBuildLock } from './build-lock.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'adloom-binaries-test-'))
})
afterEach(() => rm(directory, { recursive: true }))

const find = (env: NodeJS.ProcessEnv) => findBinaries({ env, cache: directory, report: () => undefined })

async function addProgram(name: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, '')
  await chmod(path, 0o755)
  return path
}

test('binaries that are named are taken, single files before the folder', async () => {
  const etcd = await addProgram('etcd')
  const apiServer = await addProgram('kube-apiserver')
  const controllerManager = await addProgram('my-controller-manager')
  const env = { KUBEBUILDER_ASSETS: directory, TEST_ASSET_KUBE_CONTROLLER_MANAGER: controllerManager }
  expect(await find(env)).toEqual({ etcd, apiServer, controllerManager })
})

test('a folder without a controller manager is refused with what to do', async () => {
  await addProgram('etcd')
  await addProgram('kube-apiserver')
  expect(await find({ KUBEBUILDER_ASSETS: directory })).toEqual({
    reason: expect.stringMatching(/kube-controller-manager is not there.*TEST_ASSET_KUBE_CONTROLLER_MANAGER/),
  })
})

test('without binaries and without Go the reason says what would help', async () => {
  expect(await find({ PATH: directory })).toEqual({ reason: expect.stringMatching(/KUBEBUILDER_ASSETS.*install Go/) })
})

test('one build at a time, and a lock whose holder died is no obstacle', async () => {
  const file = join(directory, 'lock')
  // A process id beyond what Linux and macOS hand out.
  await writeFile(file, '99999999')
  let building = 0
  const build = () =>
    withBuildLock(file, { report: () => undefined }, async () => {
      building++
      await new Promise((resolve) => setTimeout(resolve, 20))
      return building--
    })
  expect(await Promise.all([build(), build()])).toEqual([1, 1])
  expect(await readdir(directory)).toEqual([])
})
