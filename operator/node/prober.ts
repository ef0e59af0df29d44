import { type Clock, sleep } from '../cluster/clock.ts'
import type { Probe } from './pod.ts'
import { countOutcome, noOutcome, type ProbeRecord, type ProbeTarget, type RunProbe } from './probe.ts'

export interface ProbedContainer extends ProbeTarget {
  /** Whether the startup probe has succeeded; readiness and liveness are not looked at before. */
  onStarted(): void
  onReady(ready: boolean, message: string): void
  /** Startup or liveness has failed: the container is to be restarted. Called once. */
  onUnhealthy(reason: 'startup' | 'liveness', message: string): void
}

interface ProberContext {
  clock: Clock
  runProbe: RunProbe
}

/** Probes one run of a container until the signal aborts. Without a probe a container is started, ready and healthy. */
export async function probeContainer(
  container: ProbedContainer,
  { clock, runProbe }: ProberContext,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = container.container
  const watch = (probe: Probe, onRecord: (record: ProbeRecord, message: string) => boolean) =>
    repeat(probe, () => runProbe(probe, container, signal), onRecord, clock, signal)

  if (startupProbe) {
    const verdict = await watch(startupProbe, (record) => record.verdict === 'unknown')
    if (signal.aborted) return
    if (verdict.record.verdict === 'failure') {
      container.onUnhealthy('startup', verdict.message)
      return
    }
  }
  container.onStarted()
  if (!readinessProbe) container.onReady(true, '')
  const readiness = readinessProbe
    ? watch(readinessProbe, (record, message) => {
        if (record.verdict !== 'unknown') container.onReady(record.verdict === 'success', message)
        return true
      })
    : undefined
  if (livenessProbe) {
    const { message } = await watch(livenessProbe, (record) => record.verdict !== 'failure')
    if (!signal.aborted) container.onUnhealthy('liveness', message)
  }
  await readiness
}

/** Checks every periodSeconds (10) after initialDelaySeconds (0) for as long as `goOn` says so. */
async function repeat(
  probe: Probe,
  check: () => Promise<{ success: boolean; message: string }>,
  goOn: (record: ProbeRecord, message: string) => boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ record: ProbeRecord; message: string }> {
  let record = noOutcome
  await sleep(clock, (probe.initialDelaySeconds ?? 0) * 1000, signal)
  while (!signal.aborted) {
    const outcome = await check()
    if (signal.aborted) break
    record = countOutcome(record, outcome.success, probe)
    if (!goOn(record, outcome.message)) return { record, message: outcome.message }
    await sleep(clock, (probe.periodSeconds ?? 10) * 1000, signal)
  }
  return { record, message: '' }
}
