import type { PipelineRun, PipelineRunState } from '../../../crds/pipeline-status.ts'
import type { Draft } from './draft.ts'
import { childKinds } from './observation.ts'
import { judge } from './promotion.ts'

/** Follows every run that is on to where its children have come, and ends those that have come to an end. */
export function advanceRuns(draft: Draft): void {
  for (const before of draft.activeRuns) {
    const run = noteDigests(draft, before)
    const end = endOf(draft, run)
    const evaluation = draft.child('Evaluation', run)
    if (end) draft.endRun(run, ...end)
    else if (evaluation?.state === 'Ready' && run.model !== undefined && evaluation.inputs.model === run.model)
      judge(draft, run, evaluation)
  }
}

/** How a run ends before its model was judged. */
function endOf(draft: Draft, run: PipelineRun): [PipelineRunState, string] | undefined {
  const stalled = childKinds.map((kind) => draft.child(kind, run)).find((child) => child?.state === 'Stalled')
  if (stalled) {
    const { kind, name, reason, message } = stalled
    return ['Failed', `${kind} "${name}" is Stalled: ${reason}: ${message}`]
  }
  if (isTornApart(draft, run))
    return ['Replaced', 'a part of it was deleted, and the templates have changed since; a new run takes its place']
  if (run.model === undefined || !draft.isRejected(run.model)) return undefined
  const found = draft.status.rejected?.find(({ digest }) => digest === run.model)
  const message = `it made ${run.model}, which failed online before (${found?.reason}); adloom.dev/promote can name it anew`
  return ['Rejected', message]
}

function noteDigests(draft: Draft, before: PipelineRun): PipelineRun {
  const tokenizer = draft.child('TokenizerBuild', before)
  const training = draft.child('TrainingRun', before)
  const evaluation = draft.child('Evaluation', before)
  const dataset = training?.inputs.dataset ?? tokenizer?.inputs.dataset
  const run = draft.updateRun(before, {
    ...(dataset === undefined ? {} : { dataset }),
    ...(tokenizer?.digest === undefined ? {} : { tokenizer: tokenizer.digest }),
    ...(training?.digest === undefined ? {} : { model: training.digest }),
    ...(evaluation?.digest === undefined ? {} : { evaluation: evaluation.digest }),
  })
  // A revision that came between the decision and the start is the one that was taken.
  const { trained } = draft.status
  if (trained && dataset !== undefined && run.name === draft.newestRun?.name)
    draft.set({ trained: { ...trained, dataset } })
  return run
}

/** A part is missing that cannot be made as it was: what it was made from has changed. */
function isTornApart(draft: Draft, run: PipelineRun): boolean {
  return run.template !== draft.seen.template && childKinds.some((kind) => draft.child(kind, run) === undefined)
}

/** A person wants it to stop. */
export function handleAbort(draft: Draft): void {
  const { abort } = draft.seen.annotations
  if (abort === undefined || abort === draft.status.lastHandledAbort) return
  draft.set({ lastHandledAbort: abort.slice(0, 256) })
  for (const run of draft.activeRuns) draft.endRun(run, 'Aborted', `adloom.dev/abort is "${abort.slice(0, 256)}"`)
}
