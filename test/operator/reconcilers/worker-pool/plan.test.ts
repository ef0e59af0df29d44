import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WorkerRegistration } from '../../../../crds/jobs.ts'
import { type PoolObservation, planPool, type SeenPod } from '../../../../operator/reconcilers/worker-pool/plan.ts'
import { wrongConditions } from '../readiness.ts'

const now = Date.parse('2026-01-01T12:00:00Z')
const name = (ordinal: number) => `pod-${ordinal}`

const calm: PoolObservation = {
  now,
  minReplicas: 0,
  maxReplicas: 3,
  idleSeconds: 60,
  suspend: false,
  templateHash: 'new',
  backlog: { waiting: 0, active: 0 },
  pods: [],
}

const worker = (state: WorkerRegistration['state'], idleFor = 0): WorkerRegistration => ({
  pod: 'any',
  node: 'node',
  engine: 'engine',
  state,
  since: now - idleFor * 1000,
  heartbeat: now,
})

const pod = (ordinal: number, fields: Partial<SeenPod> = {}): SeenPod => ({
  name: name(ordinal),
  phase: 'Running',
  ready: true,
  deleting: false,
  templateHash: 'new',
  ...fields,
})

const idle = (ordinal: number, idleFor = 0, fields: Partial<SeenPod> = {}) =>
  pod(ordinal, { worker: worker('Idle', idleFor), ...fields })
const busy = (ordinal: number, fields: Partial<SeenPod> = {}) =>
  pod(ordinal, { worker: worker('Busy', 999), ...fields })
const old = { templateHash: 'old' }
const starting = { phase: 'Pending', ready: false }
const jobs = (waiting: number, active = 0) => ({ backlog: { waiting, active } })

const table: Record<string, [observation: Partial<PoolObservation>, expected: string]> = {
  'no work, no Pods': [{}, 'ready Idle:'],
  'each job gets a Pod': [jobs(2), 'reconciling Scaling: create pod-0, create pod-1'],
  'no more Pods than allowed': [jobs(9), 'reconciling Scaling: create pod-0, create pod-1, create pod-2'],
  'as many Pods as are always wanted': [{ minReplicas: 1 }, 'reconciling Scaling: create pod-0'],
  'a name that is free is used again': [{ ...jobs(0, 2), pods: [busy(1)] }, 'reconciling Scaling: create pod-0'],
  'a name that is on its way out is not': [
    { ...jobs(1), pods: [pod(0, { deleting: true })] },
    'reconciling Scaling: create pod-1',
  ],
  'a worker that is idle for long is told to drain': [{ pods: [idle(0, 60)] }, 'ready Idle: drain pod-0'],
  'a worker that has just become idle stays': [{ pods: [idle(0, 59)] }, 'ready Idle:'],
  'the longest idle goes first': [{ minReplicas: 1, pods: [idle(0, 61), idle(1, 99)] }, 'ready Idle: drain pod-1'],
  'a busy worker stays though there are too many': [
    { ...jobs(0, 1), maxReplicas: 1, pods: [busy(0), busy(1)] },
    'ready Working:',
  ],
  'a worker that has acknowledged goes': [
    { pods: [pod(0, { worker: worker('Drained') })] },
    'ready Idle: delete pod-0',
  ],
  'a worker that drains is waited for': [{ pods: [pod(0, { worker: worker('Draining') })] }, 'ready Idle:'],
  'a Pod whose work is over goes': [{ pods: [pod(0, { phase: 'Failed', ready: false })] }, 'ready Idle: delete pod-0'],
  'a Pod that never started goes at once': [{ pods: [pod(0, starting)] }, 'ready Idle: drain pod-0, delete pod-0'],
  'a Pod whose worker has not spoken is only asked': [{ suspend: true, pods: [pod(0)] }, 'held Suspended: drain pod-0'],
  'suspension asks every worker, the busy one too': [
    { suspend: true, ...jobs(3, 1), pods: [idle(0), busy(1)] },
    'held Suspended: drain pod-0, drain pod-1',
  ],
  'a new template replaces an idle worker': [
    { minReplicas: 1, pods: [idle(0, 0, old)] },
    'ready Idle: drain pod-0, create pod-1',
  ],
  'a new template asks a busy worker, and deletes nothing': [
    { ...jobs(0, 1), pods: [busy(0, old)] },
    'ready Working: drain pod-0, create pod-1',
  ],
  'a Pod that cannot start says why': [
    { ...jobs(1), pods: [pod(0, { ...starting, problem: 'ErrImagePull: no such image' })] },
    'reconciling PodsNotReady:',
  ],
}

test.each(Object.entries(table))('%s', (_, [observation, expected]) => {
  const { readiness, actions } = planPool({ ...calm, ...observation }, name)
  const did = actions.map((action) => `${action.do} ${action.pod}`).join(', ')
  expect(`${readiness.state} ${readiness.reason}: ${did}`.trim()).toBe(expected)
})

const anyWorker = fc.option(
  fc
    .tuple(fc.constantFrom('Idle' as const, 'Busy' as const, 'Draining' as const, 'Drained' as const), fc.nat(120))
    .map(([state, idleFor]) => worker(state, idleFor)),
  { nil: undefined },
)

const anyPod = fc
  .record({
    phase: fc.constantFrom('Pending', 'Running', 'Failed', 'Succeeded'),
    ready: fc.boolean(),
    deleting: fc.boolean(),
    templateHash: fc.constantFrom('new', 'new', 'old'),
    said: anyWorker,
  })
  .map(({ said, ...fields }) => ({ ...fields, ...(said ? { worker: said } : {}) }))

const anyPool = fc
  .record({
    bounds: fc.tuple(fc.nat(3), fc.nat(3)),
    idleSeconds: fc.nat(100),
    suspend: fc.boolean(),
    backlog: fc.record({ waiting: fc.nat(6), active: fc.nat(6) }),
    pods: fc.array(anyPod, { maxLength: 7 }),
  })
  .map(
    ({ bounds: [least, more], pods, ...fields }): PoolObservation => ({
      ...calm,
      ...fields,
      minReplicas: least,
      maxReplicas: least + more,
      pods: pods.map((fieldsOfPod, ordinal) => pod(ordinal, fieldsOfPod)),
    }),
  )

const named = (observation: PoolObservation, verb: string): string[] =>
  planPool(observation, name)
    .actions.filter((action) => action.do === verb)
    .map((action) => action.pod)

const isOver = ({ phase }: SeenPod) => phase === 'Failed' || phase === 'Succeeded'
const isCurrent = (seen: SeenPod) => !seen.deleting && !isOver(seen) && seen.templateHash === 'new'
const isStaying = (seen: SeenPod) => seen.worker?.state !== 'Drained' && seen.worker?.state !== 'Draining'

test('only a Pod that has acknowledged, is over, or never started is deleted', () => {
  fc.assert(
    fc.property(anyPool, (observation) => {
      const deleted = new Set(named(observation, 'delete'))
      const wrong = observation.pods.filter((seen) => {
        const mayGo = seen.worker?.state === 'Drained' || isOver(seen) || (!seen.worker && seen.phase === 'Pending')
        return deleted.has(seen.name) && !mayGo
      })
      expect(wrong).toEqual([])
    }),
    { numRuns: 1000 },
  )
})

test('never more Pods of the present template are made than maxReplicas, nor two of one name', () => {
  fc.assert(
    fc.property(anyPool, (observation) => {
      const created = named(observation, 'create')
      const there = observation.pods.filter((seen) => isCurrent(seen) && isStaying(seen)).length
      expect(created.length === 0 || there + created.length <= observation.maxReplicas).toBe(true)
      const names = [...created, ...observation.pods.map((seen) => seen.name)]
      expect(new Set(names).size).toBe(names.length)
    }),
    { numRuns: 1000 },
  )
})

test('a suspended pool makes no Pod and asks every one that is left to drain', () => {
  fc.assert(
    fc.property(anyPool, (any) => {
      const observation = { ...any, suspend: true }
      expect(named(observation, 'create')).toEqual([])
      const left = observation.pods.filter((seen) => !seen.deleting && !isOver(seen) && isStaying(seen))
      expect(named(observation, 'drain').sort()).toEqual(left.map((seen) => seen.name).sort())
    }),
    { numRuns: 500 },
  )
})

test('a busy worker of the present template is asked to drain by suspension alone', () => {
  fc.assert(
    fc.property(anyPool, (any) => {
      const observation = { ...any, suspend: false }
      const drained = new Set(named(observation, 'drain'))
      const wrong = observation.pods.filter(
        (seen) => isCurrent(seen) && seen.worker?.state === 'Busy' && drained.has(seen.name),
      )
      expect(wrong).toEqual([])
    }),
    { numRuns: 500 },
  )
})

test('the conditions of every pool are well-formed, and it is looked at again', () => {
  fc.assert(
    fc.property(anyPool, (observation) => {
      const plan = planPool(observation, name)
      expect(wrongConditions(plan.readiness, now)).toEqual([])
      expect(plan.requeueAfterMs).toBeGreaterThan(0)
    }),
    { numRuns: 500 },
  )
})

/** The workers' answer, and the cluster's, to what was planned. */
function answer(observation: PoolObservation): PoolObservation {
  const drained = new Set(named(observation, 'drain'))
  const deleted = new Set(named(observation, 'delete'))
  const kept = observation.pods
    .filter((seen) => !deleted.has(seen.name) && !seen.deleting)
    .map((seen) => {
      const drains = drained.has(seen.name) || !isStaying(seen)
      return { ...seen, phase: 'Running', ready: true, worker: worker(drains ? 'Drained' : 'Idle') }
    })
  const created = named(observation, 'create').map((fresh) => ({ ...pod(0), name: fresh, worker: worker('Idle') }))
  return { ...observation, pods: [...kept, ...created] }
}

test('a pool whose jobs do not change comes to rest', () => {
  fc.assert(
    fc.property(anyPool, (observation) => {
      let pool = observation
      for (let round = 0; round < 5; round++) pool = answer(pool)
      expect(planPool({ ...pool, idleSeconds: 1 }, name).actions).toEqual([])
      expect(pool.pods.every((seen) => seen.templateHash === 'new')).toBe(true)
    }),
    { numRuns: 500 },
  )
})
