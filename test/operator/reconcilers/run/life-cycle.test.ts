import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RunStatus } from '../../../../crds/run.ts'
import { brokenRules, wrongWhenWatched } from './rules.ts'
import { calm, firstStep, type JobWord, jobWords, type StatusWord, statuses, type World } from './world.ts'

/** What a user, or the world around a run, may do at any moment. */
const changes = {
  'nothing happens': {},
  'it is suspended': { suspend: true },
  'it is deleted': { deleting: true },
  'its time to live has passed': { ttlSecondsAfterFinished: 10 },
  'its time to live is far off': { ttlSecondsAfterFinished: 315_360_000 },
  'its spec becomes another one': { spec: 'b' },
  'the spec of a kind that goes on for ever changes': { spec: 'b', bounded: false },
  'it is to be tried again': { retryRequest: 'now' },
  'it may fail more often': { backoffLimit: 100 },
  'it may not fail at all': { backoffLimit: 0 },
  'its deadline has passed': { activeDeadlineSeconds: 60 },
  'its deadline is near': { activeDeadlineSeconds: 105 },
  'its artifact is gone': { artifactPresent: false },
  'its inputs are not ready': { inputs: 'Waiting' },
  'its inputs are wrong': { inputs: 'Invalid' },
  'an input is gone for good': { inputs: 'Lost' },
  'a finished artifact is found': { reusable: true },
  'there is no pool': { poolExists: false },
  'it is moved to another pool': { poolName: 'other' },
  'its source is due to be looked at': { pollPeriodSeconds: 30, bounded: false },
  'its source is to be looked at later': { pollPeriodSeconds: 3000, bounded: false },
} satisfies Record<string, Partial<World>>

const statusWords = Object.keys(statuses) as StatusWord[]
const changeWords = Object.keys(changes) as (keyof typeof changes)[]
const words = Object.keys(jobWords) as JobWord[]

describe.each(statusWords)('a run that is %s', (status) => {
  test.each(changeWords)('settles within the rules when %s', (change) => {
    const wrong = words.flatMap((job) =>
      wrongWhenWatched({ ...calm, ...changes[change], job }, statuses[status]).map((rule) => `job ${job}: ${rule}`),
    )
    expect(wrong).toEqual([])
  })
})

test('any number of changes at once keeps the rules', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...statusWords),
      fc.constantFrom(...words),
      fc.uniqueArray(fc.constantFrom(...changeWords), { maxLength: 5 }),
      (status, job, happened) => {
        const world: World = Object.assign({ ...calm, job }, ...happened.map((change) => changes[change]))
        expect(wrongWhenWatched(world, statuses[status])).toEqual([])
      },
    ),
    { numRuns: 3000 },
  )
})

const terminal: StatusWord[] = ['succeeded', 'reused', 'given up', 'ended by its deadline']
const idle = changeWords.filter(
  (word) =>
    !['it is to be tried again', 'its artifact is gone', 'it is deleted'].includes(word) &&
    !word.startsWith('its source') &&
    !word.startsWith('the spec of a kind'),
)

test.each(terminal)('a run that is %s stays so until a person asks, or its artifact is lost', (status) => {
  for (const change of idle) {
    const { plan, observation } = firstStep(changes[change], statuses[status])
    expect(plan.status, change).toEqual(observation.status)
    expect(
      plan.actions.filter((action) => action.do !== 'deleteObject'),
      change,
    ).toEqual([])
  }
})

/** The one step from a state, in the words that a user reads. */
const table: Record<string, [status: StatusWord, world: Partial<World>, expected: string]> = {
  'a new run asks for a worker': ['never seen', {}, 'reconciling Queued: enqueue 1'],
  'a new run without its inputs waits for them': [
    'never seen',
    { inputs: 'Waiting' },
    'reconciling DependencyNotReady: wake',
  ],
  'a new run with wrong inputs needs a person': ['never seen', { inputs: 'Invalid' }, 'stalled InvalidSpec:'],
  'a new run that is suspended does nothing': ['never seen', { suspend: true }, 'held Suspended:'],
  'a new run takes a finished artifact': ['never seen', { reusable: true }, 'ready Reused: record'],
  'a run without a pool says so and asks all the same': [
    'never seen',
    { poolExists: false },
    'reconciling WorkerPoolNotFound: enqueue 1',
  ],
  'a job that waits is not added again': ['active', { job: 'waits' }, 'reconciling Queued:'],
  'a job that Redis lost is added again': ['active', {}, 'reconciling Queued: enqueue 1'],
  'a job at work is followed': ['active', { job: 'is worked on' }, 'reconciling Running:'],
  'an absent Redis is told': ['active', { job: 'cannot be asked for' }, 'reconciling QueueUnavailable:'],
  'a result ends the run': ['active', { job: 'is complete' }, 'ready Succeeded: record, remove 1'],
  'a result is kept though the run is suspended': [
    'active',
    { job: 'is complete', suspend: true },
    'ready Succeeded: record, remove 1',
  ],
  'a result that comes after suspension is kept': [
    'suspended',
    { job: 'is complete', suspend: true },
    'ready Succeeded: record, remove 1',
  ],
  'a result of a former worker is refused': [
    'active',
    { job: 'is complete by a worker that lost it' },
    'reconciling Queued: remove 1, enqueue 2',
  ],
  'a result without its artifact is a failure': [
    'active',
    { job: 'is complete without a whole artifact' },
    'reconciling ProgressingWithRetry: remove 1',
  ],
  'a failure is tried again later': [
    'active',
    { job: 'failed and may work next time' },
    'reconciling ProgressingWithRetry: remove 1',
  ],
  'a failure too many ends the run': [
    'active',
    { job: 'failed and may work next time', backoffLimit: 0 },
    'stalled BackoffLimitExceeded: remove 1',
  ],
  'a failure for good ends the run': ['active', { job: 'failed for good' }, 'stalled BadData: remove 1'],
  'a worker that had to stop costs nothing': [
    'active',
    { job: 'ended with its worker' },
    'reconciling Queued: remove 1, enqueue 2',
  ],
  'another engine met again counts, as in a pool of two kinds': [
    'trying again',
    { job: 'met another engine' },
    'reconciling Running: remove 2',
  ],
  'another engine is looked at anew': ['active', { job: 'met another engine' }, 'reconciling Running: remove 1'],
  'a suspended run stops its job': ['active', { job: 'is worked on', suspend: true }, 'held Suspended: cancel 1'],
  'a resumed run starts its next attempt': ['suspended', {}, 'reconciling Queued: enqueue 2'],
  'a deleted run stops its job and lets go': ['active', { deleting: true }, '-: cancel 1, dropFinalizer'],
  'a deleted run that is over only lets go': ['succeeded', { deleting: true }, '-: dropFinalizer'],
  'a passed deadline ends the run': [
    'active',
    { job: 'is worked on', activeDeadlineSeconds: 60 },
    'stalled DeadlineExceeded: cancel 1',
  ],
  'a passed deadline ends a run whose inputs went away': [
    'active',
    { inputs: 'Waiting', activeDeadlineSeconds: 60 },
    'stalled DeadlineExceeded: cancel 1',
  ],
  'a run that is moved stops its job in the pool that it leaves': [
    'active',
    { job: 'is worked on', poolName: 'other' },
    'reconciling Queued: cancel 1, enqueue 2',
  ],
  'a result is taken though the run is moved': [
    'active',
    { job: 'is complete', poolName: 'other' },
    'ready Succeeded: record, remove 1',
  ],
  'a run that lost an input for good stops its job': [
    'active',
    { job: 'is worked on', inputs: 'Lost' },
    'stalled InputLost: cancel 1',
  ],
  'back-off over, the next attempt starts': ['done backing off', {}, 'reconciling Queued: remove 1, enqueue 2'],
  'a request to retry ends back-off': ['backing off', { retryRequest: 'now' }, 'reconciling Queued: enqueue 2'],
  'a request to retry lets an attempt go on': [
    'trying again',
    { retryRequest: 'now', job: 'is worked on' },
    'reconciling Running:',
  ],
  'a request to retry starts a run that was given up': [
    'given up',
    { retryRequest: 'now' },
    'reconciling Queued: enqueue 2',
  ],
  'a request to retry leaves a good run alone': ['succeeded', { retryRequest: 'now' }, 'ready Succeeded:'],
  'another spec stops the run': ['active', { job: 'is worked on', spec: 'b' }, 'stalled SpecChanged: cancel 1'],
  'another spec of a Dataset starts anew': [
    'succeeded',
    { spec: 'b', bounded: false },
    'reconciling Queued: enqueue 2',
  ],
  'a lost artifact is made again': ['succeeded', { artifactPresent: false }, 'reconciling Queued: enqueue 2'],
  'a run past its time to live goes': ['succeeded', { ttlSecondsAfterFinished: 10 }, 'ready Succeeded: deleteObject'],
  'new data are looked for while the old stay Ready': [
    'succeeded',
    { pollPeriodSeconds: 30, bounded: false },
    'ready Succeeded: enqueue 2',
  ],
  'a source that could not be read is looked at again': [
    'given up',
    { pollPeriodSeconds: 30, bounded: false },
    'reconciling Queued: enqueue 2',
  ],
  'a source is left alone after a deadline': [
    'ended by its deadline',
    { pollPeriodSeconds: 30, bounded: false },
    'stalled DeadlineExceeded:',
  ],
  'a suspended Dataset keeps what it pinned': [
    'looking for new data',
    { suspend: true, pollPeriodSeconds: 30, bounded: false },
    'ready Succeeded: cancel 2',
  ],
}

test.each(Object.entries(table))('%s', (_, [status, world, expected]) => {
  const step = firstStep(world, statuses[status])
  const { readiness, actions } = step.plan
  const said = readiness ? `${readiness.state} ${readiness.reason}` : '-'
  const did = actions.map((action) => ('attempt' in action ? `${action.do} ${action.attempt}` : action.do)).join(', ')
  expect(`${said}: ${did}`.trim()).toBe(expected)
  expect(brokenRules(step)).toEqual([])
})

test('a result is recorded for the inputs that it was made from, though the spec changed meanwhile', () => {
  const { plan, observation } = firstStep({ job: 'is complete', spec: 'b', bounded: false }, statuses.active)
  const [record] = plan.actions.filter((action) => action.do === 'record')
  expect(record).toMatchObject({ inputDigest: observation.status.inputDigest })
  expect(plan.status.inputDigest).not.toBe(observation.status.inputDigest)
})

describe('the progress of a run that has its artifact', () => {
  const progressOf = (world: Partial<World>, status: RunStatus) => firstStep(world, status).plan.status.progress
  const training = { phase: 'Training', step: 1, totalSteps: 4, percent: 25, estimatedSecondsRemaining: 9 }

  test('is whole where nobody saw it go on', () => {
    const done = { phase: 'Done', step: 1, totalSteps: 1, percent: 100 }
    expect(progressOf({ job: 'is complete' }, statuses.active)).toEqual(done)
  })

  test('is the end of the phase that was seen last, with nothing left to wait for', () => {
    const ended = { phase: 'Training', step: 4, totalSteps: 4, percent: 100 }
    expect(progressOf({ job: 'is complete' }, { ...statuses.active, progress: training })).toEqual(ended)
  })

  test('is none where the artifact was there already, and no work was done', () => {
    expect(progressOf({ reusable: true }, statuses['never seen'])).toBeUndefined()
  })

  test('is not whole where another worker holds the run', () => {
    expect(progressOf({ job: 'is complete by a worker that lost it' }, statuses.active)).toBeUndefined()
  })
})
