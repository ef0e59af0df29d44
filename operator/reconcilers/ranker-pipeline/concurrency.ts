import type { PipelineRun } from '../../../crds/pipeline-status.ts'
import { timestamp } from '../../cluster/clock.ts'
import { truncate } from '../../control/conditions.ts'
import type { Draft } from './draft.ts'
import { handledTimes } from './schedule.ts'
import { type Trigger, triggersOf } from './triggers.ts'

/** Runs at a time with policy Allow. */
const maxActiveRuns = 8

/** Starts a run for everything that asks for one, if one may start now; else says what waits. */
export function startRun(draft: Draft): void {
  const triggers = triggersOf(draft)
  const { dataset } = draft.seen
  if (triggers.length === 0 || !mayStart(draft, triggers) || !('revision' in dataset)) {
    if (triggers.length) draft.set({ pending: triggers.map(({ message }) => truncate(message, 512)) })
    else draft.clear('pending')
    return
  }
  draft.clear('pending')
  if (draft.seen.spec.concurrencyPolicy === 'Replace') {
    const why = triggers.map(({ message }) => message).join('; ')
    for (const run of draft.activeRuns) draft.endRun(run, 'Replaced', `a new run takes its place: ${why}`)
  }
  start(draft, triggers, dataset.revision)
}

function mayStart(draft: Draft, triggers: readonly Trigger[]): boolean {
  const { spec, invalid, now } = draft.seen
  if (spec.suspend || invalid !== undefined) return false
  const active = draft.activeRuns.length
  if (spec.concurrencyPolicy === 'Forbid' && active > 0) return false
  if (spec.concurrencyPolicy === 'Allow' && active >= maxActiveRuns) return false
  if (triggers.some(({ type }) => type === 'Request') || draft.status.lastStartTime === undefined) return true
  const wait = Date.parse(draft.status.lastStartTime) + spec.minimumIntervalSeconds * 1000 - now
  if (wait > 0) draft.lookAgainAfter(wait)
  return wait <= 0
}

function start(draft: Draft, triggers: readonly Trigger[], revision: string): void {
  const { name, now, template, freeNumber, spec, annotations } = draft.seen
  const champion = draft.standingChampion
  const run: PipelineRun = {
    name: `${name}-${freeNumber}`,
    number: freeNumber,
    state: 'Running',
    triggers: triggers.map(({ message }) => truncate(message, 512)),
    template,
    ...(champion ? { champion: champion.digest, championTokenizer: champion.tokenizer } : {}),
    startTime: timestamp(now),
  }
  const times = triggers.flatMap(({ schedule }) => schedule ?? [])
  const schedules = handledTimes(spec.triggers.schedules ?? [], draft.status.lastScheduleTimes ?? [], times, now)
  const { retrain } = annotations
  draft.act({
    do: 'ledger',
    entry: {
      type: 'Scheduled',
      pipeline: name,
      time: run.startTime,
      run: run.number,
      dataset: revision,
      template,
      reason: truncate(run.triggers.join('; '), 1024),
      schedules,
      ...(retrain === undefined ? {} : { retrain }),
    },
  })
  const types = triggers.map(({ type }) => type)
  draft.addRun(run, types)
  draft.set({ trained: { dataset: revision, template } })
  if (schedules.length) draft.set({ lastScheduleTimes: schedules })
  if (retrain !== undefined) draft.set({ lastHandledRetrain: retrain })
  noteDrifts(draft, triggers, revision)
}

function noteDrifts(draft: Draft, triggers: readonly Trigger[], dataset: string): void {
  const champion = draft.status.champion?.digest
  const signals = new Set(triggers.flatMap(({ drift }) => drift?.signal ?? []))
  if (champion === undefined || signals.size === 0) return
  const others = (draft.status.lastDrifts ?? []).filter(({ signal }) => !signals.has(signal))
  draft.set({ lastDrifts: [...others, ...[...signals].map((signal) => ({ signal, champion, dataset }))] })
}
