import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { beforeEach, expect, test } from 'vitest'
import { sharedControlPlane } from '../support/cluster.ts'
import type { ControlPlane } from '../support/control-plane.ts'

// A build that is under way is awaited here, where there is time for it.
beforeEach(async (context) => {
  await sharedControlPlane(context)
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
