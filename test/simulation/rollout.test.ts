import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { RankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { DEPLOYMENT, SERVICE } from '../../operator/cluster/resources.ts'
import { trafficAnnotation } from '../../operator/reconcilers/names.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'
import { isReady, type Observed, snapshot } from './chain.ts'
import type { Behaviour } from './fake-serving.ts'
import { faultsAtWrites, wrongUnder } from './faults-at-writes.ts'
import { type Faults, noFaults } from './faulty-ports.ts'
import { namespace, Simulation } from './simulation.ts'

const metric = (fields: object) => ({
  name: 'errors',
  type: 'ErrorRate',
  max: '0.02',
  intervalSeconds: 5,
  count: 2,
  ...fields,
})
const steps = [{ setWeight: 50 }, { pause: { durationSeconds: 5 } }, { analysis: { metrics: [metric({})] } }]

const ranker = (digest: string, spec: object = {}) => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'RankerDeployment',
  metadata: { name: 'ranker', namespace },
  spec: { model: { digest }, replicas: 2, progressDeadlineSeconds: 60, rollout: { steps }, ...spec },
})

interface Stage {
  simulation: Simulation
  /** Digests of two models. */
  good: string
  other: string
}

/** A ranker that serves the good model, and another one in the store. */
async function setUp(other: Behaviour, faults: Faults = noFaults): Promise<Stage> {
  const simulation = await Simulation.start({ serves: true, faults })
  const publish = async (name: string, behaviour: Behaviour) => {
    const request = { kind: 'TrainingRun' as const, inputDigest: digestOf(name), metadata: {} }
    const { digest } = await simulation.store.publish(request, (folder) => writeFile(join(folder, 'model'), name))
    simulation.serving.models.set(digest, behaviour)
    return digest
  }
  const stage = { simulation, good: await publish('good', { errorRate: 0 }), other: await publish('other', other) }
  await simulation.apply(ranker(stage.good))
  await simulation.until('the first model serves', async () => isReady(await seen(simulation)))
  simulation.serving.fewest = Number.POSITIVE_INFINITY
  return stage
}

const seen = (simulation: Simulation) => simulation.find<Observed & RankerDeployment>('RankerDeployment', 'ranker')

const stateOf = async (simulation: Simulation): Promise<string> => {
  const found = await seen(simulation)
  const isNew = found?.status?.observedGeneration !== found?.metadata.generation
  return isNew ? 'not seen' : (found?.status?.state ?? '')
}

const isOver = async (simulation: Simulation) => {
  const { rollout, wantedDigest } = (await seen(simulation))?.status ?? {}
  const { items } = await simulation.client.list(DEPLOYMENT, { namespace })
  return (
    rollout === undefined &&
    wantedDigest !== undefined &&
    items.length === 1 &&
    ['Serving', 'RolloutAborted'].includes(await stateOf(simulation))
  )
}

const traffic = async ({ client }: Simulation): Promise<string | undefined> =>
  (await client.get(SERVICE, { namespace, name: 'ranker' })).metadata.annotations?.[trafficAnnotation]

async function annotate({ client }: Simulation, verb: string, value: string): Promise<void> {
  const { resourceNamed } = await import('./simulation.ts')
  const patch = { metadata: { annotations: { [`adloom.dev/${verb}`]: value } } }
  await client.mergePatch(resourceNamed('RankerDeployment'), { namespace, name: 'ranker' }, patch)
}

describe('a canary', () => {
  test('that does well is promoted through its steps, and nothing is written afterwards', async () => {
    const { simulation, good, other } = await setUp({ errorRate: 0.004 })
    try {
      await simulation.apply(ranker(other))
      await simulation.until(
        'half of the requests',
        async () => (await traffic(simulation))?.includes('"canary":50') === true,
      )
      expect((await seen(simulation))?.status).toMatchObject({
        stableDigest: good,
        canaryDigest: other,
        servedDigest: good,
        rollout: { digest: other, weight: 50, actualWeight: 50, phase: 'Stepping' },
      })
      await simulation.until(
        'it is measured',
        async () => (await seen(simulation))?.status?.rollout?.analysis?.[0]?.measurements === 1,
      )
      expect((await seen(simulation))?.status?.rollout?.analysis?.[0]).toMatchObject({
        outcome: 'Running',
        value: expect.stringMatching(/^0.00[2-6]/),
        stableValue: '0',
      })
      await simulation.until('the rollout is over', () => isOver(simulation))
      const { status } = (await seen(simulation)) ?? {}
      expect(status).toMatchObject({ state: 'Serving', stableDigest: other, servedDigest: other })
      expect(status?.revisions?.map(({ digest, outcome }) => [digest, outcome])).toEqual([
        [other, 'Promoted'],
        [good, 'Promoted'],
      ])
      expect(simulation.serving.fewest).toBeGreaterThanOrEqual(2)
      // The first minutes of status.online are those of Pods that came.
      await simulation.pass(300)
      expect(await traffic(simulation)).toBeUndefined()
      expect(simulation.log.lines.filter(({ level }) => level === 'error')).toEqual([])
      const written = simulation.writes.length
      await simulation.pass(600)
      expect(simulation.writes.slice(written)).toEqual([])
    } finally {
      await simulation.stop()
    }
  }, 120_000)

  test('that does badly is aborted, and only tried again when a person asks', async () => {
    const { simulation, good, other } = await setUp({ errorRate: 0.2 })
    try {
      await simulation.apply(ranker(other))
      await simulation.until('the rollout is over', () => isOver(simulation))
      const { status } = (await seen(simulation)) ?? {}
      expect(status).toMatchObject({
        state: 'RolloutAborted',
        stableDigest: good,
        rejected: [
          { digest: other, reason: 'AnalysisFailed', message: expect.stringContaining('at most 0.02 is allowed') },
        ],
      })
      expect(status?.conditions?.map((one) => `${one.type}=${one.status}`).sort()).toEqual([
        'Available=True',
        'Ready=False',
        'Stalled=True',
      ])
      expect(simulation.serving.fewest).toBeGreaterThanOrEqual(2)
      await simulation.pass(300)
      expect(await stateOf(simulation)).toBe('RolloutAborted')
      await annotate(simulation, 'retry', '1')
      await simulation.until('it is tried again', async () => (await seen(simulation))?.status?.rollout !== undefined)
      await simulation.apply(ranker(good))
      await simulation.until('Git has undone it', async () => (await stateOf(simulation)) === 'Serving')
      expect((await seen(simulation))?.status?.revisions?.[0]).toMatchObject({ digest: other, outcome: 'Withdrawn' })
    } finally {
      await simulation.stop()
    }
  }, 120_000)

  test('whose Pods never answer is aborted by its deadline; one that is not measured for sure waits for a person', async () => {
    const { simulation, good, other } = await setUp({ errorRate: 0, isBroken: true })
    try {
      await simulation.apply(ranker(other))
      await simulation.until('the deadline has passed', () => isOver(simulation))
      expect((await seen(simulation))?.status).toMatchObject({
        stableDigest: good,
        rejected: [{ digest: other, reason: 'ProgressDeadlineExceeded' }],
      })
      simulation.serving.models.set(other, { errorRate: 0.02 })
      const analysis = { analysis: { metrics: [metric({})] } }
      await simulation.apply(ranker(other, { rollout: { steps: [{ setWeight: 10 }, analysis] } }))
      await simulation.until('it is paused', async () => (await stateOf(simulation)) === 'AnalysisInconclusive')
      await simulation.pass(120)
      expect(await traffic(simulation)).toContain('"canary":10')
      await annotate(simulation, 'approve', '1')
      await simulation.until('the rollout is over', () => isOver(simulation))
      expect((await seen(simulation))?.status).toMatchObject({ stableDigest: other, lastHandledApprove: '1' })
    } finally {
      await simulation.stop()
    }
  }, 120_000)
})

interface End {
  state: unknown
  writes: string[]
}

/** A rollout from its first to its last write, under faults. */
async function run(behaviour: Behaviour, faults: Faults): Promise<End> {
  const { simulation, other } = await setUp(behaviour, faults)
  try {
    await simulation.apply(ranker(other))
    await simulation.until('the rollout is over', () => isOver(simulation), 300)
    await simulation.pass(20)
    // How much was counted by when depends on when an operator began to count.
    const text = JSON.stringify(await snapshot(simulation), (name, value) =>
      ['message', 'online', 'podIP'].includes(name) ? undefined : value,
    )
    expect(simulation.serving.fewest).toBeGreaterThanOrEqual(2)
    return { state: JSON.parse(text), writes: simulation.writes }
  } finally {
    await simulation.stop()
  }
}

describe.each<[string, Behaviour]>([
  ['promoted', { errorRate: 0 }],
  ['aborted', { errorRate: 0.2 }],
])('a canary that is %s', (_, behaviour) => {
  let calm: End

  beforeAll(async () => {
    calm = await run(behaviour, noFaults)
  }, 120_000)

  test.each(faultsAtWrites)(
    'ends the same whichever write %s',
    async (_what, faultAt) => {
      const places = calm.writes.flatMap((what, index) => (what.includes('/events') ? [] : [index + 1]))
      expect(places.length).toBeGreaterThan(8)
      const wrong = await wrongUnder(places, faultAt, async ({ place, verdict }) => {
        const end = await run(behaviour, { onWrite: (n) => (n === place ? verdict : 'pass') })
        expect(end.state, `${verdict} at write ${place} (${calm.writes[place - 1]})`).toEqual(calm.state)
        return []
      })
      expect(wrong).toEqual([])
    },
    240_000,
  )
})
