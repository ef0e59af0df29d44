import { expect, test } from 'vitest'
import { type Client, createClient, type Transport } from '../../operator/cluster/client.ts'
import { LeaderElector } from '../../operator/cluster/lease.ts'
import { EventRecorder } from '../../operator/control/events.ts'
import { createEmbeddedServer } from '../../operator/embedded/server.ts'
import { fieldManager } from '../../operator/reconcilers/names.ts'
import { chain, evaluation, isSettled, runKinds } from '../simulation/chain.ts'
import { noFaults } from '../simulation/faulty-ports.ts'
import { look, pipelineNamed } from '../simulation/pipeline.ts'
import { namespace, resourceNamed, Simulation } from '../simulation/simulation.ts'
import { FakeClock, seededRandom } from '../support/fake-clock.ts'
import { fakeLog } from '../support/fake-log.ts'
import { render } from '../support/helm.ts'

/** `VERB group/resource[/subresource]`, as RBAC names what a request asks for. */
type Right = string

/** What a Role must allow for a request. */
function rightsFor(method: string, path: string, isWatch = false): Right[] {
  const whole = path.startsWith('/api') ? path : `/apis/adloom.dev/v1alpha1${path}`
  const parts = whole.split('/').slice(1)
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '')
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3)
  const [resource = '', name, subresource] = rest[0] === 'namespaces' ? rest.slice(2) : rest
  const target = `${group}/${[resource, subresource].filter(Boolean).join('/')}`
  const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }
  if (method !== 'GET') return [`${verbs[method]} ${target}`]
  if (isWatch) return [`watch ${target}`]
  return [`${name === undefined ? 'list' : 'get'} ${target}`]
}

/** What no simulated request shows, each with the reason why it is needed all the same. */
const unseen: Record<string, string> = {
  'create /services': 'server-side apply of what is not there is a create to the authoriser of a real API server',
  'create apps/deployments': 'likewise',
  'create adloom.dev/evaluations': 'likewise',
  'create adloom.dev/tokenizerbuilds': 'likewise',
  'create adloom.dev/trainingruns': 'likewise',
  'delete apps/deployments': 'a canary goes when its rollout ends, which test/simulation/rollout.test.ts shows',
  'delete /services': 'those of a canary go when no Gateway is named any more',
  'get gateway.networking.k8s.io/httproutes': 'asked for where spec.rollout.gateway is given',
  'create gateway.networking.k8s.io/httproutes': 'likewise',
  'patch gateway.networking.k8s.io/httproutes': 'likewise',
  'delete gateway.networking.k8s.io/httproutes': 'likewise',
  'get autoscaling/horizontalpodautoscalers':
    'asked for where spec.autoscaling is given, as ranker-deployment/children-contract.ts shows',
  'create autoscaling/horizontalpodautoscalers': 'likewise',
  'patch autoscaling/horizontalpodautoscalers': 'likewise',
  'delete autoscaling/horizontalpodautoscalers': 'likewise',
  'get /configmaps':
    'asked for where spec.serving.auction is given, as ranker-deployment/auction-settings.test.ts shows',
  'create /configmaps': 'likewise',
  'patch /configmaps': 'likewise',
  'update adloom.dev/rankerpipelines/finalizers': 'as that of rankerdeployments',
  'update adloom.dev/rankerdeployments/finalizers':
    'a blockOwnerDeletion in a child asks for it where OwnerReferencesPermissionEnforcement is on',
  'update adloom.dev/workerpools/finalizers': 'likewise',
}

/** Everything that an operator does in the life of a chain: from nothing to serving, retried, out of time, deleted. */
async function rightsUsed(): Promise<Set<Right>> {
  const used = new Set<Right>()
  const note = (method: string, path: string, isWatch = false) => {
    for (const right of rightsFor(method, path, isWatch)) used.add(right)
  }
  const noteWhat = (what: string, isWatch = false) => {
    const [method = '', path = ''] = isWatch ? ['GET', what] : what.split(' ')
    if (path.startsWith('/')) note(method, path, isWatch)
  }
  const simulation = await Simulation.start({
    faults: {
      ...noFaults,
      onWrite(_, what) {
        noteWhat(what)
        return 'pass'
      },
      onRead(what) {
        noteWhat(what)
        return 'pass'
      },
      onWatch(path) {
        noteWhat(path, true)
        return 'pass'
      },
    },
  })
  try {
    await simulation.apply(...chain, pipelineNamed({ successfulRunsHistoryLimit: 1 }))
    await simulation.until('the chain is settled', () => isSettled(simulation))
    await simulation.until('the pipeline has a champion', async () => (await look(simulation)).champion !== undefined)
    // Each run ends by itself, which removes its finalizer as well; a Dataset has no such end, and a user deletes it.
    const runs = chain.filter(({ kind }) => ['TokenizerBuild', 'TrainingRun', 'Evaluation'].includes(kind))
    for (const one of runs)
      await simulation.apply({ ...one, spec: { ...one.spec, ttlSecondsAfterFinished: 1 } } as typeof one)
    await simulation.client.delete(resourceNamed('Dataset'), { namespace, name: 'chain' })
    await simulation.until('every run is gone', async () => {
      const left = await Promise.all([...runKinds].map((kind) => simulation.find(kind, 'chain')))
      return left.every((object) => object === undefined)
    })
  } finally {
    await simulation.stop()
  }
  return used
}

/** What the parts ask for whose requests a simulation has not: by one who may be seen asking. */
async function rightsOf(act: (client: Client, clock: FakeClock) => Promise<void>): Promise<Set<Right>> {
  const used = new Set<Right>()
  const clock = new FakeClock('2026-01-01T00:00:00Z')
  const server = createEmbeddedServer({ clock })
  const transport: Transport = (request) => {
    for (const right of rightsFor(request.method, new URL(request.url).pathname)) used.add(right)
    return server.handle(request)
  }
  await act(createClient({ transport, fieldManager, userAgent: 'adloom' }), clock)
  await server.stop()
  return used
}

/** The Lease is made, renewed, and read by one who stands by. */
async function elect(client: Client, clock: FakeClock): Promise<void> {
  const electors = ['first', 'second'].map(
    (identity) =>
      new LeaderElector({
        client,
        clock,
        random: seededRandom(1),
        log: fakeLog(),
        key: { namespace, name: fieldManager },
        identity,
        onElected: () => undefined,
        onLost: () => undefined,
      }),
  )
  for (const elector of electors) {
    elector.start()
    for (let second = 0; second < 10; second++) await clock.advance(1000)
  }
  for (const elector of electors) await elector.stop()
}

/** The same twice within minutes is a series of one event. */
async function tellTwice(client: Client, clock: FakeClock): Promise<void> {
  const reporting = { reportingController: 'adloom.dev/operator', reportingInstance: 'one' }
  const events = new EventRecorder({ client, clock, log: fakeLog(), ...reporting, newId: () => '1' })
  const event = { type: 'Normal', reason: 'Ended', action: 'Run', note: 'it has ended' } as const
  for (const object of [evaluation, evaluation]) {
    events.record(object, event)
    for (let second = 0; second < 40; second++) await clock.advance(1000)
  }
  await events.stop()
  expect(events.failures).toBe(0)
}

async function rightsGiven(): Promise<Set<Right>> {
  const objects = await render({ aggregatedRoles: { enabled: false } })
  const rules = objects
    .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    .flatMap(({ rules = [] }) => rules)
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  )
}

test('the operator may do what it does, and nothing else', async () => {
  const used = new Set([...(await rightsUsed()), ...(await rightsOf(elect)), ...(await rightsOf(tellTwice))])
  const given = await rightsGiven()
  const missing = [...used].filter((right) => !given.has(right))
  const unused = [...given].filter((right) => !used.has(right) && unseen[right] === undefined)
  expect({ missing: missing.sort(), unused: unused.sort() }).toEqual({ missing: [], unused: [] })
  expect(Object.keys(unseen).filter((right) => used.has(right) || !given.has(right))).toEqual([])
})
