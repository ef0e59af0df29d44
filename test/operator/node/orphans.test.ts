import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../operator/cluster/clock.ts'
import { ProcessRecords } from '../../../operator/node/process-records.ts'
import { alive, eventually, temporaryDirectory } from './support.ts'

async function startNodeProcess(directory: string): Promise<{ node: ChildProcess; pids: number[] }> {
  const node = spawn(process.execPath, [fileURLToPath(new URL('./orphan-node.ts', import.meta.url)), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    node.kill('SIGKILL')
  })
  const [line] = (await once(node.stdout, 'data')) as [Buffer]
  return { node, pids: line.toString().trim().split(' ').map(Number) }
}

/** Processes of the group, the watcher among them. */
function groupOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,pgid=,stat=']).toString().trim().split('\n')
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, group, state]) => Number(group) === pid && !state?.startsWith('Z'))
    .map(([id]) => Number(id))
}

describe('a node that is killed', () => {
  it('leaves nothing behind, although its processes ignore SIGTERM', async () => {
    const { node, pids } = await startNodeProcess(await temporaryDirectory())
    expect(pids.every(alive)).toBe(true)
    node.kill('SIGKILL')
    await eventually(() => groupOf(pids[0] ?? 0).length === 0)
  })

  it('has its processes ended by its next run when their watcher was killed as well, and no others', async () => {
    const directory = await temporaryDirectory()
    const { node, pids } = await startNodeProcess(directory)
    const [leader = 0] = pids
    for (const watcher of groupOf(leader).filter((pid) => !pids.includes(pid))) process.kill(watcher, 'SIGKILL')
    node.kill('SIGKILL')
    await once(node, 'exit')
    expect(pids.every(alive)).toBe(true)

    const records = new ProcessRecords(join(directory, 'processes'))
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      detached: true,
      stdio: 'ignore',
    })
    onTestFinished(() => {
      bystander.kill('SIGKILL')
    })
    const ended = await records.endOrphans(systemClock)
    expect(ended).toEqual([leader])
    await eventually(() => groupOf(leader).length === 0)
    expect(alive(bystander.pid ?? 0)).toBe(true)
    expect(readdirSync(join(directory, 'processes'))).toEqual([])
  })

  it('does not end a process that was given a recorded pid later', async () => {
    const directory = await temporaryDirectory()
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      detached: true,
      stdio: 'ignore',
    })
    onTestFinished(() => {
      bystander.kill('SIGKILL')
    })
    const records = new ProcessRecords(directory)
    const pid = bystander.pid ?? 0
    writeFileSync(join(directory, `${pid}.json`), JSON.stringify({ pid, startTime: 'another boot/1', graceSeconds: 1 }))
    expect(await records.endOrphans(systemClock)).toEqual([])
    expect(alive(pid)).toBe(true)
  })
})
