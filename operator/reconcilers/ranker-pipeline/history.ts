import type { PipelineRun } from '../../../crds/pipeline-status.ts'
import type { Draft } from './draft.ts'

const failedStates: ReadonlySet<string> = new Set(['Failed', 'Aborted', 'Replaced'])
/** Stopped: what is left of them would only work for nothing. */
const stoppedStates: ReadonlySet<string> = new Set(['Aborted', 'Replaced'])

/** Forgets runs beyond the limits; those of champion and candidate stay, as they can make their model again. */
export function keepHistory(draft: Draft): void {
  const { successfulRunsHistoryLimit, failedRunsHistoryLimit } = draft.seen.spec
  const left = { ended: successfulRunsHistoryLimit, failed: failedRunsHistoryLimit }
  const kept = draft.runs.filter((run) => {
    if (run.state === 'Running' || isNeeded(draft, run.number)) return true
    const outcome = failedStates.has(run.state) ? 'failed' : 'ended'
    return left[outcome]-- > 0
  })
  if (kept.length !== draft.runs.length) draft.set({ runs: kept })
}

const isNeeded = ({ status: { champion, candidate } }: Draft, run: number): boolean =>
  champion?.run === run || candidate?.run === run

/**
 * Deletes what is left of runs that are forgotten or were stopped. Runs beyond those that status knows of are not
 * touched: a cache may show them before it shows the status that started them.
 */
export function sweep(draft: Draft): void {
  const runs = new Map<number, PipelineRun>(draft.runs.map((run) => [run.number, run]))
  for (const { kind, name, run: number, deleting } of draft.seen.children) {
    const run = runs.get(number)
    const isOver = run ? stoppedStates.has(run.state) : number <= (draft.status.lastRunNumber ?? 0)
    if (isOver && !deleting && !isNeeded(draft, number)) draft.act({ do: 'delete', kind, name })
  }
}
