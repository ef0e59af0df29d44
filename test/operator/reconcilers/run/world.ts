import type { RunStatus } from '../../../../crds/run.ts'
import type { RunObservation } from '../../../../operator/reconcilers/run/observation.ts'
import { planRun, type RunPlan } from '../../../../operator/reconcilers/run/plan.ts'

export const now = Date.parse('2026-01-01T12:00:00Z')
export const at = (secondsFromNow: number): string => new Date(now + secondsFromNow * 1000).toISOString()
export const inputDigestFor = (spec: string, engine: string): string => `inputs of ${spec} on ${engine}`

export const made = { digest: 'sha256:made', sizeBytes: 10, summary: {} }
export const found = { digest: 'sha256:found', sizeBytes: 20, summary: {} }

/** What is outside of status, in the words of a user and of the worker. */
export interface World {
  spec: string
  suspend: boolean
  deleting: boolean
  backoffLimit: number
  activeDeadlineSeconds?: number
  ttlSecondsAfterFinished?: number
  retryRequest?: string
  inputs: 'Ready' | 'Waiting' | 'Invalid' | 'Lost'
  artifactPresent: boolean
  reusable: boolean
  pollPeriodSeconds: number
  poolExists: boolean
  poolName: string
  /** A bounded kind refuses another spec; one that goes on for ever starts anew. */
  bounded: boolean
  /** What the queue says of the attempt that status names at first. */
  job: JobWord
}

export const calm: World = {
  spec: 'a',
  suspend: false,
  deleting: false,
  backoffLimit: 3,
  inputs: 'Ready',
  artifactPresent: true,
  reusable: false,
  pollPeriodSeconds: 0,
  poolExists: true,
  poolName: 'default',
  bounded: true,
  job: 'is absent',
}

const worker = { pod: 'pod', node: 'node' }
const failed = (reason: string, retryable: boolean, engine?: string): RunObservation['job'] => ({
  state: 'Failed',
  failure: { reason, message: 'because', retryable, ...(engine === undefined ? {} : { engine }) },
})

const completed = (inputDigest: string, startToken: string): RunObservation['job'] => ({
  state: 'Completed',
  startToken: 'token',
  result: {
    uid: 'uid',
    inputDigest,
    startToken,
    artifact: { digest: made.digest, sizeBytes: made.sizeBytes },
    summary: {},
    worker,
  },
})

/** Every word that the queue has for a job; the digest is that of the run. */
export const jobWords = {
  'is absent': () => ({ state: 'Absent' }),
  waits: () => ({ state: 'Waiting' }),
  'is worked on': () => ({
    state: 'Active',
    startToken: 'token',
    progress: { startToken: 'token', phase: 'Training', step: 1, totalSteps: 4, worker },
  }),
  'is complete': (digest) => completed(digest, 'token'),
  'is complete without a whole artifact': (digest) => completed(digest, 'token'),
  'is complete by a worker that lost it': (digest) => completed(digest, 'older'),
  'is complete for other inputs': () => completed('other', 'token'),
  'failed and may work next time': () => failed('WorkerLost', true),
  'failed for good': () => failed('BadData', false),
  'was cancelled': () => failed('Cancelled', false),
  'was taken over': () => failed('Superseded', true),
  'ended with its worker': () => failed('WorkerStopped', true),
  'met another engine': () => failed('EngineMismatch', true, 'engine-b'),
  'cannot be asked for': () => ({ state: 'Unknown', message: 'Redis is away' }),
} satisfies Record<string, (digest: string) => RunObservation['job']>
export type JobWord = keyof typeof jobWords

const pinned: RunStatus = {
  observedGeneration: 1,
  attempt: 1,
  startTime: at(-100),
  inputDigest: inputDigestFor('a', 'engine-a'),
  inputs: { dataset: 'sha256:dataset' },
  engine: 'engine-a',
  pool: 'default',
}
const lost = { reason: 'WorkerLost', message: 'because' }
const done = { completionTime: at(-50), artifact: { digest: made.digest, sizeBytes: 10, reused: false } }

/** Every state that a run can be left in. */
export const statuses = {
  'never seen': { observedGeneration: -1 },
  active: { ...pinned, activeTime: at(-100) },
  'backing off': {
    ...pinned,
    activeTime: at(-100),
    failures: 1,
    failure: { ...lost, final: false },
    nextRetryTime: at(10),
  },
  'done backing off': {
    ...pinned,
    activeTime: at(-100),
    failures: 1,
    failure: { ...lost, final: false },
    nextRetryTime: at(-1),
  },
  'trying again': {
    ...pinned,
    attempt: 2,
    activeTime: at(-100),
    failures: 1,
    failure: { ...lost, final: false },
  },
  suspended: pinned,
  'on its way to another engine': {
    observedGeneration: 1,
    attempt: 2,
    startTime: at(-100),
    activeTime: at(-100),
    engine: 'engine-b',
  },
  succeeded: { ...pinned, ...done },
  reused: { ...pinned, ...done, artifact: { ...done.artifact, reused: true } },
  'given up': { ...pinned, completionTime: at(-50), failures: 1, failure: { ...lost, final: true } },
  'ended by its deadline': {
    ...pinned,
    completionTime: at(-50),
    failure: { reason: 'DeadlineExceeded', message: 'late', final: true },
  },
  'looking for new data': { ...pinned, ...done, attempt: 2, activeTime: at(-100) },
} satisfies Record<string, RunStatus>
export type StatusWord = keyof typeof statuses

export const isFinished = (status: RunStatus): boolean =>
  status.completionTime !== undefined && status.activeTime === undefined

/** The effects that an operator's actions have on the queue, so that an unchanged world can be looked at again. */
export interface Queue {
  job(attempt: number, inputDigest: string): RunObservation['job']
  act(plan: RunPlan): void
}

export function queueOf(world: World, first: RunStatus): Queue {
  const words = new Map<number, JobWord>(first.attempt === undefined ? [] : [[first.attempt, world.job]])
  return {
    job: (attempt, digest) =>
      world.job === 'cannot be asked for'
        ? { state: 'Unknown', message: 'Redis is away' }
        : jobWords[words.get(attempt) ?? 'is absent'](digest),
    act({ actions }) {
      for (const action of actions) {
        if (action.do === 'remove') words.delete(action.attempt)
        if (action.do === 'cancel' && words.get(action.attempt) === 'waits') words.delete(action.attempt)
        if (action.do === 'enqueue' && (words.get(action.attempt) ?? 'is absent') === 'is absent')
          words.set(action.attempt, 'waits')
      }
    },
  }
}

/** As reconcile.ts observes. */
export function look(world: World, status: RunStatus, queue: Queue, nowMs: number = now): RunObservation {
  const { spec: _, artifactPresent, reusable, inputs, bounded, job: __, ...policy } = world
  const engine = status.engine ?? 'engine-a'
  const inputDigest = inputs === 'Ready' ? inputDigestFor(world.spec, engine) : undefined
  const asked = status.attempt !== undefined && !isFinished(status)
  const job = asked ? queue.job(status.attempt ?? 0, status.inputDigest ?? '') : ({ state: 'Absent' } as const)
  const wrong = inputDigestFor(world.spec, engine) !== status.inputDigest
  return {
    ...policy,
    now: nowMs,
    status,
    engine,
    inputs: observedInputs(inputs),
    ...(inputDigest === undefined ? {} : { inputDigest }),
    specChanged: bounded && status.startTime !== undefined && status.inputDigest !== undefined && wrong,
    // What the store finds by its inputs is there.
    ...(status.artifact ? { artifactPresent: artifactPresent || status.artifact.digest === found.digest } : {}),
    ...(reusable && inputDigest !== undefined && status.completionTime === undefined ? { reusable: found } : {}),
    job,
    ...(job.state === 'Completed' && world.job !== 'is complete without a whole artifact' ? { delivered: made } : {}),
  }
}

function observedInputs(word: World['inputs']): RunObservation['inputs'] {
  if (word === 'Ready') return { state: 'Ready', digests: { dataset: 'sha256:dataset' } }
  if (word === 'Lost') return { state: 'Lost', message: 'another one has taken its place' }
  if (word === 'Invalid') return { state: 'Invalid', message: 'name the same Dataset in both' }
  return { state: 'Waiting', message: 'Dataset is not Ready', waitingFor: [{ kind: 'Dataset', name: 'dataset' }] }
}

export interface Step {
  observation: RunObservation
  plan: RunPlan
}

/** Looks at an unchanged world again and again, each time with the status that the last look wrote. */
export function watch(world: World, first: RunStatus, rounds: number): Step[] {
  const queue = queueOf(world, first)
  const steps: Step[] = []
  let status: RunStatus = first
  for (let round = 0; round < rounds; round++) {
    const observation = look(world, status, queue)
    const plan = planRun(observation)
    queue.act(plan)
    steps.push({ observation, plan })
    status = plan.status
  }
  return steps
}

export const firstStep = (world: Partial<World>, status: RunStatus): Step => {
  const [step] = watch({ ...calm, ...world }, status, 1)
  if (!step) throw new Error('one round gives one step')
  return step
}
