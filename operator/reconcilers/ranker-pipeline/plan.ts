import { updatedSpec } from './children.ts'
import { startRun } from './concurrency.ts'
import { Draft, type PipelinePlan } from './draft.ts'
import { keepHistory, sweep } from './history.ts'
import { childKinds, type PipelineObservation } from './observation.ts'
import { followPeople } from './promotion.ts'
import { readinessOf } from './readiness.ts'
import { mendChampion, takeRejections } from './rejection.ts'
import { advanceRuns, handleAbort } from './runs.ts'

/**
 * The life of a pipeline as a pure function of what was observed. Entries in the ledger come before the status write,
 * everything else after it: what a crash leaves undone is seen by the next look, and done then.
 */
export function planPipeline(observation: PipelineObservation): PipelinePlan {
  const draft = new Draft(observation)
  handleAbort(draft)
  if (!observation.spec.suspend) {
    takeRejections(draft)
    mendChampion(draft)
    advanceRuns(draft)
  }
  followPeople(draft)
  startRun(draft)
  keepHistory(draft)
  tendChildren(draft)
  sweep(draft)
  noteLatestRun(draft)
  return draft.plan(readinessOf(draft))
}

/** Every run that is on has its three children, at rest or at work as the pipeline is. */
function tendChildren(draft: Draft): void {
  const { spec, template } = draft.seen
  for (const run of draft.activeRuns) {
    for (const kind of childKinds) {
      const child = draft.child(kind, run)
      if (!child) {
        if (run.template === template) draft.act({ do: 'apply', kind, run })
        continue
      }
      const updated = child.deleting || child.state === 'Ready' ? undefined : updatedSpec(child, spec)
      if (updated) draft.act({ do: 'apply', kind, run, spec: updated })
    }
  }
}

function noteLatestRun(draft: Draft): void {
  const newest = draft.newestRun
  if (newest) draft.set({ latestRun: `${newest.name} ${newest.state}` })
  else draft.clear('latestRun')
}
