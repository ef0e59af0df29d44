import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ProcessSpec } from '../../../operator/node/container-command.ts'
import { ContainerLog } from '../../../operator/node/container-log.ts'
import { type ContainerContext, ContainerRunner } from '../../../operator/node/container-runner.ts'
import { ContainerConfigError } from '../../../operator/node/environment.ts'
import type { ContainerStatus } from '../../../operator/node/pod.ts'
import type { ExitStatus, RunningProcess } from '../../../operator/node/process-launcher.ts'
import { ProcessRecords } from '../../../operator/node/process-records.ts'
import { kubeletBackoff } from '../../../operator/node/restart-backoff.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { temporaryDirectory } from './support.ts'

const spec: ProcessSpec = { argv: ['main'], workingDirectory: '/', environment: {} }

/** A process that ends when the test says so; its id belongs to nobody. */
class FakeProcess implements RunningProcess {
  readonly pid = 2 ** 30
  readonly signals: string[] = []
  readonly exited: Promise<ExitStatus>
  exit: (status: ExitStatus) => void = () => {}

  constructor() {
    this.exited = new Promise((resolve) => {
      this.exit = resolve
    })
  }

  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    this.signals.push(name)
    if (name === 'SIGKILL') this.exit({ exitCode: 137, signal: 9 })
  }
}

async function makeRunner(more: Partial<ContainerContext> = {}) {
  const directory = await temporaryDirectory()
  const clock = new FakeClock()
  const processes: FakeProcess[] = []
  const runner = new ContainerRunner({
    container: { name: 'main' },
    restartPolicy: 'Always',
    podIP: '127.0.0.1',
    graceSeconds: 30,
    clock,
    launch: async () => {
      const process = new FakeProcess()
      processes.push(process)
      return process
    },
    runProbe: async () => ({ success: true, message: '' }),
    records: new ProcessRecords(join(directory, 'processes')),
    backoff: kubeletBackoff,
    resolve: async () => spec,
    openLog: (restartCount) => new ContainerLog(join(directory, `${restartCount}.log`), 1000),
    onChange: () => {},
    former: undefined,
    ...more,
  })
  return { runner, clock, processes }
}

/** Real time in small steps: the records of a start are on a real disk. */
async function until(clock: FakeClock, holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    await clock.advance(0)
  }
}

describe('a container', () => {
  it('waits 0, 10, 20, ... 300 s between restarts, and starts anew after ten good minutes', async () => {
    const { runner, clock, processes } = await makeRunner()
    const run = runner.run()
    const waits: number[] = []
    for (let restart = 0; restart < 9; restart++) {
      await until(clock, () => processes.length === restart + 1)
      await until(clock, () => runner.status().state.running !== undefined)
      if (restart === 7) await clock.advance(600_000)
      const ended = clock.now()
      processes[restart]?.exit({ exitCode: 1 })
      await until(
        clock,
        () => runner.status().restartCount === restart + 1 || runner.status().state.waiting !== undefined,
      )
      if (runner.status().state.waiting) {
        expect(runner.status().state.waiting?.reason).toBe('CrashLoopBackOff')
        while (runner.status().restartCount === restart) await clock.advance(1000)
      }
      waits.push((clock.now() - ended) / 1000)
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 0, 10])
    expect(runner.status().lastState.terminated).toMatchObject({ exitCode: 1, reason: 'Error' })
    runner.stop(0)
    await run
  })

  it('is sent SIGTERM, and SIGKILL when its grace is over', async () => {
    const { runner, clock, processes } = await makeRunner()
    const run = runner.run()
    await until(clock, () => runner.status().state.running !== undefined)
    const [process] = processes
    runner.stop(30)
    await clock.advance(29_900)
    expect(process?.signals).toEqual(['SIGTERM'])
    await clock.advance(200)
    expect(process?.signals).toEqual(['SIGTERM', 'SIGKILL'])
    await run
    expect(runner.status()).toMatchObject({ ready: false, state: { terminated: { exitCode: 137, signal: 9 } } })
  })

  it('is ready only after its startup probe, and restarted when liveness fails three times', async () => {
    let healthy = false
    const { runner, clock, processes } = await makeRunner({
      container: {
        name: 'main',
        startupProbe: { exec: { command: ['s'] }, periodSeconds: 5, failureThreshold: 10 },
        livenessProbe: { exec: { command: ['l'] }, periodSeconds: 10 },
      },
      runProbe: async () => ({ success: healthy, message: 'ill' }),
    })
    const run = runner.run()
    await until(clock, () => runner.status().state.running !== undefined)
    await clock.advance(12_000)
    expect(runner.status()).toMatchObject({ started: false, ready: false })
    healthy = true
    await clock.advance(5000)
    expect(runner.status()).toMatchObject({ started: true, ready: true })
    healthy = false
    await clock.advance(25_000)
    expect(processes[0]?.signals).toEqual([])
    await clock.advance(5000)
    expect(processes[0]?.signals).toEqual(['SIGTERM'])
    processes[0]?.exit({ exitCode: 143, signal: 15 })
    await until(clock, () => runner.status().restartCount === 1)
    expect(runner.status().lastState.terminated?.message).toBe('liveness probe failed: ill')
    runner.stop(0)
    await run
  })

  it('that failed has its last lines in its state, when it is asked for by terminationMessagePolicy', async () => {
    const messages: unknown[] = []
    const line = `${'x'.repeat(600)}\n`
    for (const terminationMessagePolicy of ['FallbackToLogsOnError', 'File']) {
      const { runner, clock, processes } = await makeRunner({
        container: { name: 'main', terminationMessagePolicy },
        restartPolicy: 'Never',
        launch: async (_, { onOutput }) => {
          const process = new FakeProcess()
          onOutput(Buffer.from(line.repeat(4)))
          onOutput(Buffer.from('main: nothing to eat\n'))
          processes.push(process)
          return process
        },
        openLog: () => log,
      })
      const log = new ContainerLog(join(await temporaryDirectory(), 'log'), 10_000)
      const run = runner.run()
      await until(clock, () => runner.status().state.running !== undefined)
      processes[0]?.exit({ exitCode: 1 })
      await run
      messages.push(runner.status().state.terminated?.message)
    }
    // The kubelet takes 2048 bytes; a line that does not fit is left out.
    expect(messages).toEqual([`${line.repeat(3)}main: nothing to eat\n`, undefined])
  })

  it('asks for its configuration again until a person has mended it', async () => {
    let mended = false
    const { runner, clock } = await makeRunner({
      resolve: async () => {
        if (!mended) throw new ContainerConfigError('NoCommand', 'set command')
        return spec
      },
    })
    const run = runner.run()
    await until(clock, () => runner.status().state.waiting?.reason === 'NoCommand')
    mended = true
    await clock.advance(5000)
    await until(clock, () => runner.status().state.running !== undefined)
    expect(runner.status().restartCount).toBe(0)
    runner.stop(0)
    await run
  })

  const former: ContainerStatus = {
    name: 'main',
    image: '',
    imageID: '',
    ready: true,
    started: true,
    restartCount: 4,
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    lastState: {},
  }

  it('counts on from a former run of the node whose end nobody saw', async () => {
    const { runner, clock } = await makeRunner({ former })
    const run = runner.run()
    await until(clock, () => runner.status().state.running !== undefined)
    expect(runner.status()).toMatchObject({ restartCount: 5, lastState: { terminated: { exitCode: 255 } } })
    runner.stop(0)
    await run
  })

  it('is not run again after that when its policy forbids it', async () => {
    const { runner, processes } = await makeRunner({ former, restartPolicy: 'Never' })
    await runner.run()
    expect(processes).toEqual([])
    expect(runner.status()).toMatchObject({ restartCount: 4, state: { terminated: { exitCode: 255 } } })
  })
})
