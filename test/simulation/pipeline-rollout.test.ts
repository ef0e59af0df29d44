import { expect, test } from 'vitest'
import type { RankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { dataset, isReady, type Observed, workerPool } from './chain.ts'
import { datasetWith, look, pipelineNamed, runsOf } from './pipeline.ts'
import { namespace, resourceNamed, Simulation } from './simulation.ts'

/** A pipeline, and a ranker that serves its champion: each by its own reconciler, on what the other one really writes. */
async function simulated(pipeline: object, scenario: (simulation: Simulation) => Promise<void>): Promise<void> {
  const simulation = await Simulation.start({ serves: true })
  try {
    await simulation.apply(pipelineNamed({ ...pipeline }), dataset, workerPool, follower)
    await simulation.until('the first champion serves', async () => isReady(await ranker(simulation)))
    simulation.serving.fewest = Number.POSITIVE_INFINITY
    await scenario(simulation)
    expect(simulation.serving.fewest).toBeGreaterThanOrEqual(2)
  } finally {
    await simulation.stop()
  }
}

const errors = { name: 'errors', type: 'ErrorRate', max: '0.02', intervalSeconds: 5, count: 2 }
const follower = {
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'RankerDeployment',
  metadata: { name: 'ranker', namespace },
  spec: {
    model: { pipelineRef: { name: 'ads' } },
    replicas: 2,
    progressDeadlineSeconds: 60,
    rollout: { steps: [{ setWeight: 50 }, { analysis: { metrics: [errors] } }] },
  },
}

const ranker = (simulation: Simulation) => simulation.find<Observed & RankerDeployment>('RankerDeployment', 'ranker')

const champion = async (simulation: Simulation): Promise<string | undefined> =>
  (await look(simulation)).champion?.digest

/** The champion serves, and no rollout is on. */
async function serves(simulation: Simulation, digest: string): Promise<boolean> {
  const { state, stableDigest, servedDigest, rollout } = (await ranker(simulation))?.status ?? {}
  return state === 'Serving' && stableDigest === digest && servedDigest === digest && rollout === undefined
}

const annotate = (simulation: Simulation, annotations: Record<string, string>) =>
  simulation.client.mergePatch(
    resourceNamed('RankerPipeline'),
    { namespace, name: 'ads' },
    { metadata: { annotations } },
  )

/** The champion that takes the place of another one. */
async function successor(simulation: Simulation, before: string): Promise<string> {
  await simulation.until('there is another champion', async () => (await champion(simulation)) !== before)
  return (await champion(simulation)) ?? expect.unreachable()
}

/** A champion made of other data than the good one before, which answers a fifth of the requests with an error. */
async function promoteWhatFails(simulation: Simulation): Promise<{ good: string; bad: string }> {
  const good = (await champion(simulation)) ?? ''
  await simulation.apply(datasetWith(11))
  const bad = await successor(simulation, good)
  simulation.serving.models.set(bad, { errorRate: 0.2 })
  return { good, bad }
}

test(
  'a champion that fails its analysis is rejected, the one before serves again, and nobody but a person tries it anew',
  () =>
    simulated({}, async (simulation) => {
      const { good, bad } = await promoteWhatFails(simulation)
      await simulation.until('it is tried', async () => (await ranker(simulation))?.status?.canaryDigest === bad)
      await simulation.until('the one before is back', async () => (await champion(simulation)) === good)
      await simulation.until('it serves', () => serves(simulation, good))
      const status = await look(simulation)
      expect(runsOf(status)).toEqual(['ads-2 Rejected', 'ads-1 Promoted'])
      expect(status).toMatchObject({
        champion: { trainingRun: 'ads-1', reason: 'takes over again: the champion failed online' },
        rejected: [
          { digest: bad, reason: 'AnalysisFailed', message: expect.stringContaining('at most 0.02 is allowed') },
        ],
      })
      const tries = async () =>
        (await ranker(simulation))?.status?.revisions?.filter(({ digest }) => digest === bad).length
      expect(await tries()).toBe(1)

      // The same inputs make the same model, which stays rejected.
      await annotate(simulation, { 'adloom.dev/retrain': 'again' })
      await simulation.until('a run made it again', async () => runsOf(await look(simulation))[0] === 'ads-3 Rejected')
      await simulation.pass(300)
      expect(await champion(simulation)).toBe(good)
      expect(await serves(simulation, good)).toBe(true)
      expect(await tries()).toBe(1)
      const written = simulation.writes.length
      await simulation.pass(600)
      expect(simulation.writes.slice(written)).toEqual([])

      // A person who names it has it rolled out again, by the same steps.
      simulation.serving.models.set(bad, { errorRate: 0 })
      await annotate(simulation, { 'adloom.dev/promote': `mended ${bad}` })
      await simulation.until('it serves', () => serves(simulation, bad))
      expect((await look(simulation)).rejected).toBeUndefined()
      expect((await ranker(simulation))?.status?.rejected).toBeUndefined()
    }),
  120_000,
)

test(
  'other inputs than those of a rejected model are tried',
  () =>
    simulated({}, async (simulation) => {
      const { good, bad } = await promoteWhatFails(simulation)
      await simulation.until('the one before is back', async () => (await champion(simulation)) === good)
      await simulation.apply(datasetWith(12))
      const next = await successor(simulation, good)
      await simulation.until('it serves', () => serves(simulation, next))
      const status = await look(simulation)
      expect(runsOf(status)).toEqual(['ads-3 Promoted', 'ads-2 Rejected', 'ads-1 Promoted'])
      expect(status.rejected?.map(({ digest }) => digest)).toEqual([bad])
    }),
  120_000,
)

test(
  'an online metric under its bound asks for one run, whose model takes over by its steps',
  () =>
    simulated(
      {
        warmStart: 'Champion',
        triggers: { drift: { onlineMetrics: [{ metric: 'ctr', min: '0.05' }] } },
      },
      async (simulation) => {
        const first = (await champion(simulation)) ?? ''
        await simulation.pass(180)
        expect((await ranker(simulation))?.status?.online?.ctr).toMatch(/^0\.(1|09)/)
        expect(runsOf(await look(simulation))).toEqual(['ads-1 Promoted'])
        simulation.serving.models.set(first, { errorRate: 0, clickThroughRate: 0.02 })
        const next = await successor(simulation, first)
        expect((await look(simulation)).runs?.[0]?.triggers).toEqual([
          expect.stringMatching(/^ctr of RankerDeployment "ranker" is 0\.0\d+ ± 0\.0\d+, below 0\.05$/),
        ])
        await simulation.until('it serves', () => serves(simulation, next))
        await simulation.pass(300)
        const status = await look(simulation)
        expect(runsOf(status)).toEqual(['ads-2 Promoted', 'ads-1 Promoted'])
        expect(status.champion?.parent).toBe(first)
      },
    ),
  120_000,
)
