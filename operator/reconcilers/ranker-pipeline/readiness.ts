import type { PipelineRun } from '../../../crds/pipeline-status.ts'
import { type OwnCondition, REASONS, type Readiness } from '../../control/conditions.ts'
import type { Draft } from './draft.ts'
import { isMadeAgain } from './rejection.ts'

export const reasons = {
  suspended: REASONS.suspended,
  invalidSpec: 'InvalidSpec',
  dependencyNotReady: REASONS.dependencyNotReady,
  waitingForTrigger: 'WaitingForTrigger',
  running: 'Running',
  promoted: 'Promoted',
  championKept: 'ChampionKept',
  awaitingApproval: 'AwaitingApproval',
  artifactMissing: 'ArtifactMissing',
  championLost: 'ChampionLost',
  championRejected: 'ChampionRejected',
  notPromoted: 'NotPromoted',
  runFailed: 'RunFailed',
} as const

/**
 * Ready says that there is a champion for the templates as they are. A run that new data or a schedule asked for does
 * not take that away; one that the first or another template asked for does, until it has come to an end.
 */
export function readinessOf(draft: Draft): Readiness {
  return { ...plainReadiness(draft), own: ownConditions(draft) }
}

function plainReadiness(draft: Draft): Readiness {
  const { invalid, spec } = draft.seen
  const { champion } = draft.status
  if (invalid !== undefined) return { state: 'stalled', reason: reasons.invalidSpec, message: invalid }
  if (spec.suspend) {
    const message = `suspended: no run goes on, and none is started; ${champion ? `the champion stays ${champion.trainingRun}` : 'there is no champion yet'}`
    return { state: 'held', reason: reasons.suspended, message }
  }
  if (champion && !draft.standingChampion) return withoutArtifact(draft, champion)
  return champion ? withChampion(draft, champion) : withoutChampion(draft)
}

function withoutArtifact(draft: Draft, champion: NonNullable<Draft['status']['champion']>): Readiness {
  const lost = `artifact ${champion.digest} of the champion is not whole in the store`
  if (isMadeAgain(draft, champion))
    return reconciling(reasons.artifactMissing, `${lost}; TrainingRun "${champion.trainingRun}" makes it again`)
  const remedy = 'bring it back from a backup, or annotate adloom.dev/retrain to train a new one'
  const message = `${lost}, no run is there to make it again, and no champion before it can take over; ${remedy}`
  return { state: 'stalled', reason: reasons.championLost, message }
}

function withChampion(draft: Draft, champion: NonNullable<Draft['status']['champion']>): Readiness {
  const { candidate } = draft.status
  const active = draft.activeRuns.find(({ template }) => template !== templateOf(draft, champion.run))
  const stands = `the champion is ${champion.trainingRun}, ${champion.digest}`
  if (active) return reconciling(reasons.running, `${active.name} is on, for other templates; ${stands}`)
  if (candidate) return { state: 'ready', reason: reasons.awaitingApproval, message: `${stands}; ${asks(candidate)}` }
  const newest = draft.runs.find(({ state }) => state !== 'Running')
  if (newest?.state === 'Failed' && newest.template !== templateOf(draft, champion.run))
    return { state: 'stalled', reason: reasons.runFailed, message: `${words(newest)}; ${stands}` }
  if (!newest || newest.number <= champion.run || newest.state === 'Promoted')
    return { state: 'ready', reason: reasons.promoted, message: stands }
  return { state: 'ready', reason: reasons.championKept, message: `${stands}; ${words(newest)}` }
}

/** Templates of the run that made the champion; of a run that is forgotten, those of the newest one that ended well. */
function templateOf(draft: Draft, champion: number): string | undefined {
  const made = draft.runs.find(({ number }) => number === champion)
  const settled = draft.runs.find(({ state }) => state !== 'Running' && state !== 'Failed')
  return (settled && settled.number > champion ? settled : made)?.template ?? draft.seen.template
}

function withoutChampion(draft: Draft): Readiness {
  const { dataset } = draft.seen
  const { candidate, rejected, pending } = draft.status
  const active = draft.activeRuns.at(-1)
  if (active) return reconciling(reasons.running, `${active.name} is on; there is no champion yet`)
  if (candidate) return { state: 'held', reason: reasons.awaitingApproval, message: asks(candidate) }
  if ('message' in dataset) return reconciling(reasons.dependencyNotReady, dataset.message)
  const newest = draft.newestRun
  const [failed] = rejected ?? []
  if (pending) return reconciling(reasons.waitingForTrigger, `a run waits for its time: ${pending.join('; ')}`)
  if (newest?.state === 'Failed') return { state: 'stalled', reason: reasons.runFailed, message: words(newest) }
  if (failed) {
    const message = `${failed.digest} failed online (${failed.reason}: ${failed.message}), and no champion before it can take over; change the data or the templates, or name a model in adloom.dev/promote`
    return { state: 'stalled', reason: reasons.championRejected, message }
  }
  if (newest)
    return { state: 'stalled', reason: reasons.notPromoted, message: `no model has passed yet; ${words(newest)}` }
  return reconciling(reasons.waitingForTrigger, 'no trigger has asked for a run yet')
}

const asks = ({ trainingRun, digest }: { trainingRun: string; digest: string }): string =>
  `${trainingRun} passed and waits for a person: set promotion.approvedDigest to ${digest}`

const words = ({ name, state, message }: PipelineRun): string => `${name} ended ${state}: ${message}`

function ownConditions(draft: Draft): OwnCondition[] {
  const own: OwnCondition[] = []
  if (draft.seen.spec.suspend && draft.seen.invalid === undefined) {
    const message = plainReadiness(draft).message
    own.push({ type: 'Suspended', status: 'True', reason: reasons.suspended, message, negative: true })
  }
  const last = draft.runs.find(({ state }) => state !== 'Running')
  if (last) {
    const status = last.state === 'Failed' ? 'False' : 'True'
    own.push({ type: 'LastRunSucceeded', status, reason: last.state, message: words(last) })
  }
  return own
}

const reconciling = (reason: string, message: string): Readiness => ({ state: 'reconciling', reason, message })
