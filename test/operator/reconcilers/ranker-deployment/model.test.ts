import { expect, test } from 'vitest'
import type { RankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import type { KubernetesObject } from '../../../../operator/cluster/objects.ts'
import { type ObserverOptions, observe } from '../../../../operator/reconcilers/ranker-deployment/observe.ts'
import { planDeployment } from '../../../../operator/reconcilers/ranker-deployment/plan.ts'
import type { ArtifactStore } from '../../../../workers/artifacts/store.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { digestOf, lookupIn, objectOf } from '../support.ts'

const ranker = objectOf<RankerDeployment>('RankerDeployment', 'ads', {
  model: { trainingRunRef: { name: 'run' } },
  suspend: false,
  replicas: 1,
  serving: { port: 8080 },
  rollout: { weightTolerancePercent: 10, revisionHistoryLimit: 10 },
  progressDeadlineSeconds: 600,
})

const options = (run: KubernetesObject): ObserverOptions => ({
  deployment: () => undefined,
  service: () => undefined,
  pods: () => [],
  lookup: lookupIn([run]),
  store: { stat: async () => ({}) } as unknown as ArtifactStore,
  clock: new FakeClock(),
  podSettings: { image: 'adloom:1', storeUri: 'file:///store', environment: [] },
  hasWeightedServices: false,
})

const runOf = (stages: object) =>
  objectOf<KubernetesObject>(
    'TrainingRun',
    'run',
    { model: { architecture: 'EGAV2', ega: {} }, stages },
    { digest: digestOf('a') },
  )

const seen = { gateway: undefined, autoscaler: undefined, auction: undefined }
const observed = (stages: object) => observe(ranker, { namespace: 'ads', name: 'ads' }, seen, options(runOf(stages)))

test('a run in stages is served once it can allocate lists', async () => {
  const { model } = await observed({ pretrain: {}, reward: {} })
  expect(model).toEqual({ state: 'Ready', digests: { model: digestOf('a') } })
})

test.each([
  ['a held-out evaluator', { reward: { fold: 'Second' } }, /trains no stage pretrain, .*market\.evaluator/],
  ['a generator without a judge', { pretrain: {} }, /trains no stage reward, /],
])('%s is refused with the reason, and nothing is made', async (_, stages, message) => {
  const { readiness, children } = planDeployment(await observed(stages))
  expect(readiness).toMatchObject({ state: 'stalled', message: expect.stringMatching(message) })
  expect(children).toBeUndefined()
})

test('when another champion was promoted, while the store was asked, says nothing of the model that was resolved', async () => {
  const pipeline = (digest: string, promotedAt: string) => ({
    ...objectOf<KubernetesObject>('RankerPipeline', 'ads', {}),
    status: { champion: { digest, promotedAt } },
  })
  const first = pipeline(digestOf('a'), '2026-01-01T00:00:00Z')
  let known: KubernetesObject = first
  const following = { ...ranker, spec: { ...ranker.spec, model: { pipelineRef: { name: 'ads' } } } } as RankerDeployment
  const looked = (meanwhile: KubernetesObject) =>
    observe(following, { namespace: 'ads', name: 'ads' }, seen, {
      ...options(runOf({})),
      lookup: (kind, namespace, name) => lookupIn([known])(kind, namespace, name),
      store: {
        stat: async () => {
          known = meanwhile
          return {}
        },
      } as unknown as ArtifactStore,
    })
  const same = await looked(first)
  expect(same.rollout.wantedSince).toBe('2026-01-01T00:00:00Z')
  const changed = await looked(pipeline(digestOf('b'), '2026-01-02T00:00:00Z'))
  expect(changed.model).toEqual({ state: 'Ready', digests: { model: digestOf('a') } })
  expect(changed.rollout.wantedSince).toBeUndefined()
})
