import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { cacheFolder } from '../../../operator/cli/cache-folder.ts'
import { startControlPlane } from '../control-plane.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { type Answer, serveControlPlane } from './broker.ts'
import type { Unavailable } from './unavailable.ts'

declare module 'vitest' {
  interface ProvidedContext {
    controlPlaneSocket: string
  }
}

/**
 * Global set-up of the project `cluster`: looks for or builds the binaries while the unit tests run, starts one
 * control plane when the first cluster test asks for it, and stops it after the last test.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const report = (line: string) => process.stderr.write(`control plane: ${line}\n`)
  const ended = new AbortController()
  const binaries = settle(
    findBinaries({
      env: process.env,
      cache: cacheFolder(process.env, homedir(), 'control-plane'),
      report,
      signal: ended.signal,
    }),
  )
  let started: ReturnType<typeof startWhenBuilt> | undefined
  const directory = await mkdtemp(join(tmpdir(), 'adloom-broker-'))
  const broker = await serveControlPlane(join(directory, 'socket'), async () => {
    started ??= startWhenBuilt(binaries, report)
    return (await started).answer
  })
  project.provide('controlPlaneSocket', broker.socket)

  return async () => {
    ended.abort(new Error('the test run has ended'))
    await broker.close()
    await (await started)?.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

type Settled<T> = { value: T } | { error: string }

/** Keeps a failure until a test asks: unit tests do not fail for want of a control plane. */
async function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

async function startWhenBuilt(
  building: Promise<Settled<Binaries | Unavailable>>,
  report: (line: string) => void,
): Promise<{ answer: Answer; stop(): Promise<void> }> {
  const nothing = async () => undefined
  const built = await building
  if ('error' in built) return { answer: built, stop: nothing }
  if ('reason' in built.value) return { answer: built.value, stop: nothing }
  const started = await settle(startControlPlane({ report, binaries: built.value }))
  if ('error' in started) return { answer: started, stop: nothing }
  if ('reason' in started.value) return { answer: started.value, stop: nothing }
  const { stop, ...answer } = started.value
  return { answer, stop }
}
