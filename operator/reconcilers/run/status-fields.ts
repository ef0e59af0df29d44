import type { JobProgress } from '../../../crds/jobs.ts'
import type { RunStatus } from '../../../crds/run.ts'

/** Progress as status shows it: percent, time left, numbers to five digits. */
export function progressStatus(progress: JobProgress): NonNullable<RunStatus['progress']> {
  const { phase, step, totalSteps, metrics, estimatedSecondsRemaining } = progress
  const percent = totalSteps > 0 ? Math.min(100, Math.floor((100 * step) / totalSteps)) : 0
  const named = Object.entries(metrics ?? {}).map(([name, value]) => ({
    name,
    value: Number(value.toPrecision(5)).toString(),
  }))
  return {
    phase,
    step,
    totalSteps,
    percent,
    ...(estimatedSecondsRemaining === undefined ? {} : { estimatedSecondsRemaining }),
    ...(named.length ? { metrics: named } : {}),
  }
}

export function workerStatus(
  { pod, node }: { pod: string; node: string },
  pool: string,
): NonNullable<RunStatus['worker']> {
  return { pool, pod, node, logCommand: `kubectl logs ${pod}` }
}
