import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Client } from '../../operator/cluster/client.ts'
import { NAMESPACE, SERVICE_ACCOUNT } from '../../operator/cluster/resources.ts'
import { connect, createNamespace, sharedControlPlane } from '../support/cluster.ts'
import type { ControlPlane } from '../support/control-plane.ts'

let client: Client
let close: (() => Promise<void>) | undefined

// A build that is under way is awaited here, where there is time for it.
beforeEach(async (context) => {
  const { kubeconfig } = await sharedControlPlane(context)
  ;({ client, close } = connect(kubeconfig))
})
afterEach(() => close?.())

test('the server that was built is of the version that go.mod names', async (context) => {
  if (process.env.KUBEBUILDER_ASSETS) return context.skip('the binaries are given by KUBEBUILDER_ASSETS')
  const module = readFileSync(new URL('../support/control-plane/go.mod', import.meta.url), 'utf8')
  const version = /k8s\.io\/kubernetes (v\S+)/.exec(module)?.[1]
  expect(JSON.parse(await client.read('/version'))).toMatchObject({ gitVersion: version })
})

test('the controller manager gives a new namespace its service account and empties a deleted one', async () => {
  const namespace = await createNamespace(client, 'control-plane')
  const named = async () => (await client.list(NAMESPACE)).items.some(({ metadata }) => metadata.name === namespace)
  const accounts = async () => (await client.list(SERVICE_ACCOUNT, { namespace })).items.length
  await expect.poll(accounts, { timeout: 20_000 }).toBe(1)
  await client.delete(NAMESPACE, { name: namespace })
  await expect.poll(named, { timeout: 30_000 }).toBe(false)
})

test('a control plane ends with the process that started it, even when that is killed', async (context) => {
  if (process.platform !== 'linux') return context.skip('reads /proc')
  if (process.env.KUBEBUILDER_ASSETS) return context.skip('only the binary of main.go ends with its input')
  const module = new URL('../support/control-plane.ts', import.meta.url)
  const script = `
    const { startControlPlane } = await import(${JSON.stringify(module.href)})
    const { directory, processes } = await startControlPlane()
    console.log(JSON.stringify({ directory, processes }))`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { value } = await createInterface(owner.stdout)[Symbol.asyncIterator]().next()
  const { directory, processes } = JSON.parse(value as string) as Pick<ControlPlane, 'directory' | 'processes'>
  try {
    const running = () => processes.filter(({ pid }) => isRunning(pid)).map(({ name }) => name)
    expect(running()).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager'])
    owner.kill('SIGKILL')
    await expect.poll(running, { timeout: 30_000 }).toEqual([])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/** False also for a zombie, which waits for whoever inherited it. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
