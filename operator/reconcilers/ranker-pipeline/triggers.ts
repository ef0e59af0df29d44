import type { PipelineTrigger } from '../../../crds/pipeline-status.ts'
import { timestamp } from '../../cluster/clock.ts'
import type { Draft } from './draft.ts'
import { type Drift, driftsOf } from './drift.ts'
import { handledTimes, nextScheduleWords, scheduleStates } from './schedule.ts'

export interface Trigger {
  type: PipelineTrigger
  message: string
  /** Schedule: its name and time. */
  schedule?: { name: string; time: number }
  drift?: Drift
}

/** Everything that asks for a run now; all of it makes one. */
export function triggersOf(draft: Draft): Trigger[] {
  const { spec, dataset, template } = draft.seen
  const { trained } = draft.status
  const { onDatasetRevision, onTemplateChange } = spec.triggers
  const triggers: Trigger[] = []
  if (!trained) {
    if (onDatasetRevision || onTemplateChange) triggers.push({ type: 'FirstRun', message: 'no run was started yet' })
  } else {
    if (onDatasetRevision && 'revision' in dataset && dataset.revision !== trained.dataset) {
      const message = `Dataset "${spec.datasetRef.name}" has the revision ${dataset.revision}`
      triggers.push({ type: 'DatasetRevision', message })
    }
    if (onTemplateChange && template !== trained.template)
      triggers.push({ type: 'TemplateChange', message: 'the templates changed' })
  }
  return [...triggers, ...scheduleTriggers(draft), ...driftTriggers(draft), ...askedFor(draft)]
}

/** Notes schedules that are new and passes over times that are too late; what is due now is a trigger. */
function scheduleTriggers(draft: Draft): Trigger[] {
  const { spec, now, invalid } = draft.seen
  const schedules = invalid === undefined ? (spec.triggers.schedules ?? []) : []
  if (schedules.length === 0) {
    if (invalid === undefined) draft.clear('lastScheduleTimes', 'nextSchedule')
    return []
  }
  const { lastScheduleTimes = [] } = draft.status
  const states = scheduleStates(schedules, lastScheduleTimes, spec.startingDeadlineSeconds, now)
  const missed = states.flatMap(({ name, missed: time }) => (time === undefined ? [] : [{ name, time }]))
  for (const { name, time } of missed) {
    const message = `schedule "${name}" was due at ${timestamp(time)}; no run could start within startingDeadlineSeconds`
    draft.tell('Warning', 'ScheduleMissed', message)
  }
  draft.set({ lastScheduleTimes: handledTimes(schedules, lastScheduleTimes, missed, now) })
  const next = nextScheduleWords(states)
  if (next === undefined) draft.clear('nextSchedule')
  else draft.set({ nextSchedule: next })
  for (const state of states) if (state.next !== undefined) draft.lookAgainAfter(state.next - now)
  return states.flatMap(({ name, due }) => {
    if (due === undefined) return []
    const message = `schedule "${name}" was due at ${timestamp(due)}`
    return [{ type: 'Schedule' as const, message, schedule: { name, time: due } }]
  })
}

/** Once for a champion and a revision: the same inputs would give the same model. */
function driftTriggers(draft: Draft): Trigger[] {
  const { seen, status } = draft
  const revision = 'revision' in seen.dataset ? seen.dataset.revision : undefined
  const handled = ({ signal }: Drift) =>
    status.lastDrifts?.some(
      (one) => one.signal === signal && one.champion === status.champion?.digest && one.dataset === revision,
    )
  return driftsOf({ ...seen, status })
    .filter((drift) => !handled(drift))
    .map((drift) => ({ type: 'Drift', message: drift.message, drift }))
}

function askedFor(draft: Draft): Trigger[] {
  const { retrain } = draft.seen.annotations
  const triggers: Trigger[] = []
  if (draft.newestRun?.state === 'Outdated') {
    const message = `${draft.newestRun.name} was compared with a model that is not the champion any more`
    triggers.push({ type: 'ChampionChange', message })
  }
  if (retrain !== undefined && retrain !== draft.status.lastHandledRetrain)
    triggers.push({ type: 'Request', message: `adloom.dev/retrain is "${retrain.slice(0, 256)}"` })
  return triggers
}
