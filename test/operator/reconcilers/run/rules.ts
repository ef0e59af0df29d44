import { isDeepStrictEqual } from 'node:util'
import type { RunObservation } from '../../../../operator/reconcilers/run/observation.ts'
import type { RunPlan } from '../../../../operator/reconcilers/run/plan.ts'
import { wrongConditions } from '../readiness.ts'
import { isFinished, type Step, type World, watch } from './world.ts'

const enqueues = ({ actions }: RunPlan) => actions.filter((action) => action.do === 'enqueue')

const mayNotEnqueue = ({ deleting, suspend, inputs, specChanged }: RunObservation): boolean =>
  deleting || suspend || specChanged || inputs.state !== 'Ready'

/** A result that this look has to take. */
function takesResult({ job, status, deleting, delivered }: RunObservation): boolean {
  if (job.state !== 'Completed' || deleting || isFinished(status) || !delivered) return false
  return job.result.inputDigest === status.inputDigest && job.result.startToken === job.startToken
}

const rules: [sentence: string, broken: (step: Step) => boolean][] = [
  ['a run that stays has a readiness', ({ observation, plan }) => !observation.deleting && !plan.readiness],
  ['at most one job is added', ({ plan }) => enqueues(plan).length > 1],
  [
    'the job added is the attempt in status',
    ({ plan }) => enqueues(plan).some((a) => a.attempt !== plan.status.attempt),
  ],
  [
    'the job added has its inputs pinned',
    ({ plan }) => enqueues(plan).length > 0 && plan.status.inputDigest === undefined,
  ],
  ['no job is added while held', ({ observation, plan }) => enqueues(plan).length > 0 && mayNotEnqueue(observation)],
  ['no job is added to a finished run', ({ plan }) => enqueues(plan).length > 0 && isFinished(plan.status)],
  ['no job is added in back-off', ({ plan }) => enqueues(plan).length > 0 && plan.status.nextRetryTime !== undefined],
  [
    'the attempt never falls',
    ({ observation, plan }) => (plan.status.attempt ?? 0) < (observation.status.attempt ?? 0),
  ],
  [
    'a failure counts once',
    ({ observation, plan }) => (plan.status.failures ?? 0) > (observation.status.failures ?? 0) + 1,
  ],
  ['the next look is not in the past', ({ plan }) => (plan.requeueAfterMs ?? 0) < 0],
  [
    'a suspended run is not active',
    ({ observation, plan }) => held(observation) && plan.status.activeTime !== undefined,
  ],
  ['a current result is taken', ({ observation, plan }) => takesResult(observation) && !tookResult(observation, plan)],
  ['what loses its run is cancelled', ({ observation, plan }) => isOrphaned(observation, plan)],
]

const held = ({ suspend, deleting }: RunObservation) => suspend && !deleting

function tookResult({ delivered, status }: RunObservation, { actions, finished, status: next }: RunPlan): boolean {
  const recorded = actions.some(
    (action) =>
      action.do === 'record' &&
      action.artifact.digest === delivered?.digest &&
      action.inputDigest === status.inputDigest,
  )
  // A new spec may find an artifact of its own at the same moment.
  return recorded && (finished?.digest === delivered?.digest || next.inputDigest !== status.inputDigest)
}

/** A worker goes on with a job that nobody will ask for again. */
function isOrphaned({ job, status }: RunObservation, { actions, status: next }: RunPlan): boolean {
  if (
    (job.state !== 'Active' && job.state !== 'Waiting') ||
    status.activeTime === undefined ||
    status.nextRetryTime !== undefined
  )
    return false
  const wanted = next.activeTime !== undefined && next.attempt === status.attempt
  return !wanted && !actions.some((action) => action.do === 'cancel' && action.attempt === status.attempt)
}

export function brokenRules(step: Step): string[] {
  const { plan, observation } = step
  return [
    ...rules.filter(([, broken]) => broken(step)).map(([sentence]) => sentence),
    ...(plan.readiness ? wrongConditions(plan.readiness, observation.now) : []),
  ]
}

const settleRounds = 5

/** What is wrong with a run that an unchanged world is shown to again and again; empty: nothing. */
export function wrongWhenWatched(world: World, status: RunObservation['status']): string[] {
  const steps = watch(world, status, settleRounds + 2)
  const wrong = steps.flatMap((step, round) => brokenRules(step).map((rule) => `look ${round}: ${rule}`))
  const counted = Math.max(...steps.map(({ plan }) => plan.status.failures ?? 0))
  if (counted > (status.failures ?? 0) + 1) wrong.push(`one failure was counted ${counted} times`)
  const last = steps.at(-1)
  const before = steps.at(-2)
  if (!last || !before) return ['no look was taken']
  if (!isDeepStrictEqual(last.plan.status, before.plan.status)) wrong.push('status never settles')
  if (!isDeepStrictEqual(last.plan.readiness, before.plan.readiness)) wrong.push('readiness never settles')
  if (last.plan.events.length > 0) wrong.push('events never end')
  if (last.plan.actions.some((action) => action.do === 'record' || action.do === 'remove' || isNewJob(action, world)))
    wrong.push('actions never end')
  if (last.plan.requeueAfterMs !== undefined && last.plan.requeueAfterMs <= 0)
    wrong.push('it is looked at without a pause')
  return wrong
}

/** While the queue cannot be asked nothing is known to have been added. */
const isNewJob = (action: RunPlan['actions'][number], { job }: World): boolean =>
  action.do === 'enqueue' && job !== 'cannot be asked for'
