import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { LuaFactory } from 'wasmoon'
import { kinds } from '../../crds/kinds.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { isSettled, runKinds, chain as runs } from '../simulation/chain.ts'
import { pipelineNamed } from '../simulation/pipeline.ts'
import { namespace, resourceNamed, Simulation } from '../simulation/simulation.ts'
import { kstatus } from '../support/kstatus.ts'

const folder = join(import.meta.dirname, '../../docs/argocd')
const script = (path: string) => readFileSync(join(folder, path), 'utf8')
const actionNames = readdirSync(join(folder, 'actions'))
  .filter((file) => file !== 'discovery.lua')
  .map((file) => file.replace('.lua', ''))

interface Seen extends KubernetesObject {
  spec: Record<string, unknown> & { suspend?: boolean }
  status?: {
    state?: string
    conditions?: { type: string; status: string; reason?: string }[]
    [field: string]: unknown
  }
}

/** Runs a script as Argo CD does: the object is the global table `obj`, the result what the script returns. */
async function lua<T>(path: string, obj: unknown): Promise<T> {
  const engine = await new LuaFactory().createEngine({ enableProxy: false })
  try {
    engine.global.set('obj', structuredClone(obj))
    return (await engine.doString(script(path))) as T
  } finally {
    engine.global.close()
  }
}

interface Health {
  status: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended'
  message: string
}

/** One object of every kind, all of one name. */
const chain = [...runs, { ...pipelineNamed(), metadata: { name: 'chain', namespace } }]

/** Statuses that the operator wrote in the life of a chain: the first object of every kind in each state. */
const recorded: Seen[] = []
const seenStates = new Set<string>()

beforeAll(async () => {
  const simulation = await Simulation.start()
  try {
    for (const one of chain) await simulation.apply(suspended(one, true))
    await look(simulation)
    // What has finished is not held any more; so they are held from the start.
    await watched(simulation, () => allAre(simulation, 'Suspended'))
    for (const one of chain) await simulation.apply(suspended(one, false))
    await watched(simulation, () => isSettled(simulation))
    await failEverything(simulation)
  } finally {
    await simulation.stop()
  }
}, 240_000)

const suspended = (one: (typeof chain)[number], suspend: boolean) => ({ ...one, spec: { ...one.spec, suspend } })

/** Other runs, whose work cannot succeed, and a ranker of theirs. */
async function failEverything(simulation: Simulation): Promise<void> {
  simulation.workers.endsWith = () => ({ reason: 'BadData', message: 'as told', retryable: false })
  for (const one of chain) await simulation.client.delete(resourceNamed(one.kind), { namespace, name: 'chain' })
  await watched(
    simulation,
    async () => !(await Promise.all(runKinds.map((kind) => simulation.find(kind, 'chain')))).some(Boolean),
  )
  const pool = chain.find(({ kind }) => kind === 'WorkerPool')
  if (pool) await simulation.apply(pool)
  for (const one of chain.filter(({ kind }) => kind !== 'WorkerPool'))
    await simulation.apply({ ...one, spec: { ...one.spec, ...other[one.kind] } } as typeof one)
  await watched(simulation, () => allAre(simulation, 'Stalled', ['Dataset']))
}

const other: Record<string, object> = {
  Dataset: { source: { simulation: { users: 11, items: 11 } } },
  RankerDeployment: { model: { digest: `sha256:${'0'.repeat(64)}` }, evaluationRef: undefined },
}

const isTrue = (object: Seen | undefined, type: string): boolean =>
  object?.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false

async function allAre(
  simulation: Simulation,
  type: string,
  names: string[] = chain.map(({ kind }) => kind),
): Promise<boolean> {
  const objects = await Promise.all(names.map((kind) => simulation.find<Seen>(kind, 'chain')))
  return objects.every((object) => isTrue(object, type))
}

async function watched(simulation: Simulation, isSo: () => Promise<boolean>): Promise<void> {
  await simulation.until('it is so', async () => {
    await look(simulation)
    return isSo()
  })
}

async function look(simulation: Simulation): Promise<void> {
  for (const { kind } of kinds) {
    const object = await simulation.find<Seen>(kind, 'chain')
    if (!object || object.metadata.deletionTimestamp !== undefined) continue
    const { status, spec, metadata } = object
    const behind = status?.observedGeneration !== metadata.generation
    const conditions = status?.conditions?.map(({ type, status: value, reason }) => [type, value, reason])
    const state = JSON.stringify([kind, spec.suspend, behind, conditions, status?.nextRetryTime !== undefined])
    if (!seenStates.has(state)) recorded.push(object)
    seenStates.add(state)
  }
}

/** What Argo CD is to say where kstatus says this. */
function wanted(object: Seen): Health['status'] {
  const { status } = kstatus(object)
  if (status === 'Current') return 'Healthy'
  if (status === 'Failed') return 'Degraded'
  const seen = object.status?.observedGeneration === object.metadata.generation
  return seen && (isTrue(object, 'Suspended') || isTrue(object, 'Paused')) ? 'Suspended' : 'Progressing'
}

describe('health', () => {
  test('is what kstatus reads, of every status that was recorded, with the words of Ready', async () => {
    const states = new Set<string>()
    for (const object of recorded) {
      const health = await lua<Health>('health.lua', object)
      expect(health.status, JSON.stringify(object)).toBe(wanted(object))
      expect(health.message).toMatch(/\w/)
      states.add(`${object.kind} ${health.status}`)
    }
    const everywhere = ['Healthy', 'Progressing', 'Suspended']
    const expected = kinds.flatMap(({ kind }) => everywhere.map((status) => `${kind} ${status}`))
    expect([...states].sort()).toEqual(expect.arrayContaining([...expected, 'Dataset Degraded']))
  })

  test('of an object that no operator has seen, or not yet as it is, is Progressing', async () => {
    const ready = [{ type: 'Ready', status: 'True', reason: 'Succeeded', message: 'done' }]
    for (const status of [undefined, { observedGeneration: -1 }, { observedGeneration: 1, conditions: ready }])
      expect(await lua('health.lua', { metadata: { generation: 2 }, status })).toMatchObject({ status: 'Progressing' })
  })

  test('of a rollout that waits for a person is Suspended', async () => {
    const conditions = [
      { type: 'Ready', status: 'False', reason: 'PausedUntilApproved', message: 'annotate adloom.dev/approve' },
      { type: 'Reconciling', status: 'True', reason: 'Progressing', message: 'step 2' },
      { type: 'Paused', status: 'True', reason: 'PausedUntilApproved', message: 'annotate adloom.dev/approve' },
    ]
    const object = { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } }
    expect(await lua('health.lua', object)).toEqual({
      status: 'Suspended',
      message: 'PausedUntilApproved: annotate adloom.dev/approve',
    })
  })
})

interface Offered {
  [action: string]: { disabled: boolean }
}

const enabled = async (object: unknown): Promise<string[]> =>
  Object.entries(await lua<Offered>('actions/discovery.lua', object))
    .filter(([, { disabled }]) => !disabled)
    .map(([name]) => name)
    .sort()

describe('actions', () => {
  test('that are offered have a script, for every kind', async () => {
    for (const kind of [...kinds.map((one) => one.kind), 'RankerPipeline']) {
      const offered = Object.keys(await lua<Offered>('actions/discovery.lua', { kind, metadata: {}, spec: {} }))
      expect(offered).toEqual(expect.arrayContaining(['suspend', 'resume']))
      expect(actionNames).toEqual(expect.arrayContaining(offered))
    }
  })

  test('resume is offered to what is suspended, retry to a run that was given up', async () => {
    for (const object of recorded) {
      const names = await enabled(object)
      expect(names).toContain(object.spec.suspend ? 'resume' : 'suspend')
      if (runKinds.includes(object.kind as (typeof runKinds)[number]) && isTrue(object, 'Stalled'))
        expect(names).toContain('retry')
      if (isTrue(object, 'Ready')) expect(names).not.toContain('retry')
    }
  })

  test.each([
    ['RankerDeployment', { canaryDigest: 'sha256:1' }, ['abort', 'promote', 'suspend']],
    [
      'RankerDeployment',
      { canaryDigest: 'x', conditions: [{ type: 'Paused', status: 'True' }] },
      ['abort', 'approve', 'promote', 'suspend'],
    ],
    ['RankerDeployment', {}, ['suspend']],
    ['RankerPipeline', { candidate: { digest: 'sha256:1' } }, ['abort', 'promote', 'retrain', 'suspend']],
    ['RankerPipeline', {}, ['abort', 'retrain', 'suspend']],
  ])('%s with %j offers %j', async (kind, status, names) => {
    expect(await enabled({ kind, metadata: {}, spec: {}, status })).toEqual(names)
  })

  const asking = actionNames.filter((name) => name !== 'suspend' && name !== 'resume')

  test.each(asking)('%s sets its annotation to a new request, and nothing else', async (name) => {
    const object = { metadata: { name: 'a', annotations: { kept: 'yes' } }, spec: { suspend: false } }
    const changed = await lua<typeof object>(`actions/${name}.lua`, object)
    expect(changed).toEqual({
      metadata: {
        name: 'a',
        annotations: { kept: 'yes', [`adloom.dev/${name}`]: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/) },
      },
      spec: { suspend: false },
    })
    expect(await lua(`actions/${name}.lua`, { metadata: {} })).toMatchObject({
      metadata: { annotations: { [`adloom.dev/${name}`]: expect.any(String) } },
    })
  })

  test('suspend and resume set spec.suspend alone, and a real schema has the field', async () => {
    for (const { kind, spec } of kinds) {
      expect(Object.keys(spec.properties), kind).toContain('suspend')
      const object = { kind, metadata: { name: 'a' }, spec: { other: 1 } }
      expect(await lua('actions/suspend.lua', object)).toEqual({ ...object, spec: { other: 1, suspend: true } })
      expect(await lua('actions/resume.lua', object)).toEqual({ ...object, spec: { other: 1, suspend: false } })
    }
  })
})
