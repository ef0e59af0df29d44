import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AuctionProgress } from '../../../../operator/reconcilers/ranker-deployment/auction-settings.ts'
import {
  type DeploymentObservation,
  planDeployment,
  type SeenDeployment,
} from '../../../../operator/reconcilers/ranker-deployment/plan.ts'
import { planCanary } from '../../../../operator/rollout/traffic.ts'
import { wrongConditions } from '../readiness.ts'

const ready = (model: string): DeploymentObservation['model'] => ({ state: 'Ready', digests: { model } })
const waiting: DeploymentObservation['model'] = {
  state: 'Waiting',
  message: 'TrainingRun is not Ready',
  waitingFor: [{ kind: 'TrainingRun', name: 'run' }],
}

const serving: SeenDeployment = {
  model: 'new',
  isCurrent: true,
  observedGeneration: 2,
  generation: 2,
  wanted: 2,
  replicas: 2,
  updatedReplicas: 2,
  readyReplicas: 2,
  availableReplicas: 2,
  deadlineExceeded: false,
}
const before: SeenDeployment = { ...serving, model: 'old' }
const loading: SeenDeployment = { ...serving, replicas: 3, updatedReplicas: 1, availableReplicas: 2 }
const judged = (passed: boolean, model = 'new') => ({
  name: 'evaluation',
  state: 'Judged' as const,
  passed,
  message: 'NDCG@10 is 0.1',
  model,
})

const calm: DeploymentObservation = {
  suspend: false,
  model: ready('new'),
  modelInStore: true,
  canaryPods: 0,
  state: { rejected: [], revisions: [], handled: {} },
  route: 'Proxy',
  shadowPercent: 0,
  rollout: {
    now: Date.parse('2026-01-01T00:00:00Z'),
    specDigest: 'spec',
    steps: [],
    stepsDigest: 'steps',
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    requests: {},
    planCanary: (weight) => planCanary(weight, { route: 'Proxy', replicas: 2, tolerancePercent: 10 }),
    isRouted: () => true,
    analyse: () => ({ outcome: 'Running', results: [], message: 'measures', waitMs: 1000 }),
  },
}
/** The old model serves, and is known to. */
const old = { deployment: before, state: { ...calm.state, stableDigest: 'old' } }

const promoting = {
  state: {
    ...old.state,
    rollout: {
      digest: 'new',
      phase: 'Promoting' as const,
      step: 0,
      steps: 0,
      stepsDigest: 'steps',
      startedAt: '2026-01-01T00:00:00Z',
      weight: 0,
      actualWeight: 0,
    },
  },
}
const settings = (fields: Partial<AuctionProgress>): AuctionProgress => ({
  wanted: 'aa',
  ready: 2,
  behind: 0,
  refused: 0,
  ...fields,
})
const rejected = (spec: string) => ({
  digest: 'new',
  reason: 'AbortRequested',
  message: 'asked for',
  time: '2026-01-01T00:00:00Z',
  spec,
})

const table: Record<string, [observation: Partial<DeploymentObservation>, expected: string]> = {
  'a new deployment is applied': [{}, 'reconciling RollingOut, applies new, served nothing'],
  'a deployment that serves is Ready': [{ deployment: serving }, 'ready Serving, applies new, served new'],
  'another model is rolled out': [old, 'reconciling RollingOut, applies new, served old'],
  'a ranker is Ready once its Pods answer by the settings of its auction': [
    { deployment: serving, auction: settings({ behind: 0 }) },
    'ready Serving, applies new, served new',
  ],
  'settings that are on their way keep it from that': [
    { deployment: serving, auction: settings({ behind: 1 }) },
    'reconciling AuctionSettingsPending, applies new, served new',
  ],
  'settings that a Pod refuses need a person': [
    { deployment: serving, auction: settings({ behind: 1, refused: 1, reason: 'NoPaymentNetwork' }) },
    'stalled AuctionSettingsRefused, applies new, served new',
  ],
  'a ranker without Pods waits for no settings': [
    { deployment: { ...serving, wanted: 0, replicas: 0 }, auction: settings({ ready: 0 }) },
    'ready ScaledToZero, applies new, served new',
  ],
  "settings whose ConfigMap is another's hold a rollout": [
    { ...old, auctionRefusal: { reason: 'NameTaken', message: "ConfigMap is another's" } },
    'stalled NameTaken, applies old, served old',
  ],
  'a model that loads does not serve yet': [
    { deployment: loading, servedDigest: 'old' },
    'reconciling RollingOut, applies new, served old',
  ],
  'a Deployment that was not looked at is on the way': [
    { deployment: { ...serving, generation: 3 }, servedDigest: 'old' },
    'reconciling RollingOut, applies new, served old',
  ],
  'no progress of the first model needs a person': [
    { deployment: { ...loading, deadlineExceeded: true } },
    'stalled ProgressDeadlineExceeded, applies new, served nothing',
  ],
  'no progress of another model brings back the one before': [
    { ...promoting, deployment: { ...loading, deadlineExceeded: true }, servedDigest: 'old' },
    'stalled RolloutAborted, applies old, served old',
  ],
  'a model that was aborted is not tried again': [
    { ...old, state: { ...old.state, rejected: [rejected('spec')] } },
    'stalled RolloutAborted, applies old, served old',
  ],
  'a model that was aborted under another spec is': [
    { ...old, state: { ...old.state, rejected: [rejected('other')] } },
    'reconciling RollingOut, applies new, served old',
  ],
  'with steps a canary comes first': [
    { ...old, rollout: { ...calm.rollout, steps: [{ setWeight: 50 }] } },
    'reconciling RollingOut, applies old, served old',
  ],
  'steps that cannot be gone are refused': [
    { ...old, rollout: { ...calm.rollout, steps: [{ setWeight: 5 }], refusal: { reason: 'No', message: 'no' } } },
    'stalled No, applies old, served old',
  ],
  'a Deployment that lacks a change of the spec is on the way': [
    { deployment: { ...serving, isCurrent: false }, servedDigest: 'new' },
    'reconciling RollingOut, applies new, served new',
  ],
  'no replicas are what was wanted': [
    { deployment: { ...serving, wanted: 0, replicas: 0, updatedReplicas: 0, availableReplicas: 0 } },
    'ready ScaledToZero, applies new, served new',
  ],
  'suspension leaves what serves': [{ suspend: true, ...old }, 'held Suspended, applies nothing, served old'],
  'an autoscaler that cannot be had is refused, and what serves goes on serving': [
    { ...old, autoscaling: { refusal: { reason: 'No', message: 'no' } } },
    'stalled No, applies old, served old',
  ],
  'nothing is begun with it': [
    { autoscaling: { refusal: { reason: 'No', message: 'no' } } },
    'stalled No, applies nothing, served nothing',
  ],
  'a model that is not known is waited for': [
    { model: waiting, ...old },
    'reconciling DependencyNotReady, applies old, served old',
  ],
  'a wrong spec needs a person': [
    { model: { state: 'Invalid', message: 'no' }, ...old },
    'stalled InvalidSpec, applies old, served old',
  ],
  'a model that the store lacks is not rolled out': [
    { modelInStore: false, ...old },
    'reconciling ArtifactMissing, applies old, served old',
  ],
  'an evaluation that passed lets the model through': [
    { evaluation: judged(true), ...old },
    'reconciling RollingOut, applies new, served old',
  ],
  'an evaluation that did not pass holds it': [
    { evaluation: judged(false), ...old },
    'reconciling EvaluationNotPassed, applies old, served old',
  ],
  'an evaluation of another model holds it': [
    { evaluation: judged(true, 'old'), ...old },
    'reconciling EvaluationOfOtherModel, applies old, served old',
  ],
  'an evaluation at work holds it': [
    { evaluation: { name: 'evaluation', state: 'Running', message: 'Queued' } },
    'reconciling DependencyNotReady, applies nothing, served nothing',
  ],
  'an evaluation that does not exist holds it': [
    { evaluation: { name: 'evaluation', state: 'Missing' } },
    'reconciling DependencyNotReady, applies nothing, served nothing',
  ],
}

test.each(Object.entries(table))('%s', (_, [observation, expected]) => {
  const { readiness, children, servedDigest } = planDeployment({ ...calm, ...observation })
  const said = `${readiness.state} ${readiness.reason}`
  expect(`${said}, applies ${children?.stable.model ?? 'nothing'}, served ${servedDigest ?? 'nothing'}`).toBe(expected)
})

test('what is waited for is woken', () => {
  expect(planDeployment({ ...calm, model: waiting }).wake).toEqual([{ kind: 'TrainingRun', name: 'run' }])
})

const count = fc.nat(3)
const anyDeployment = fc.record({
  model: fc.constantFrom('new', 'old'),
  isCurrent: fc.boolean(),
  observedGeneration: fc.integer({ min: 1, max: 2 }),
  generation: fc.constant(2),
  wanted: count,
  replicas: count,
  updatedReplicas: count,
  readyReplicas: count,
  availableReplicas: count,
  deadlineExceeded: fc.boolean(),
})
const anyEvaluation = fc.constantFrom<NonNullable<DeploymentObservation['evaluation']>>(
  { name: 'evaluation', state: 'Missing' },
  { name: 'evaluation', state: 'Running', message: 'Queued' },
  judged(true),
  judged(false),
  judged(true, 'old'),
)
const anyObservation: fc.Arbitrary<DeploymentObservation> = fc
  .record(
    {
      suspend: fc.boolean(),
      model: fc.constantFrom<DeploymentObservation['model']>(ready('new'), waiting, {
        state: 'Invalid',
        message: 'no',
      }),
      modelInStore: fc.boolean(),
      evaluation: anyEvaluation,
      deployment: anyDeployment,
      canary: anyDeployment,
      problem: fc.constant('Pod pod-0: ErrImagePull'),
      servedDigest: fc.constantFrom('old', 'older'),
      state: fc.constantFrom(calm.state, old.state, promoting.state, { ...old.state, rejected: [rejected('spec')] }),
      rollout: fc.constantFrom(
        calm.rollout,
        { ...calm.rollout, steps: [{ setWeight: 50 }, { pause: {} }] },
        { ...calm.rollout, steps: [{ pause: { durationSeconds: 5 } }] },
        { ...calm.rollout, steps: [{ pause: {} }], requests: { abort: 'now' } },
      ),
    },
    { requiredKeys: ['suspend', 'model', 'modelInStore'] },
  )
  .map((some) => ({ ...calm, ...some }))

test('conditions are well-formed, and Available tells whether something answers', () => {
  fc.assert(
    fc.property(anyObservation, (observation) => {
      const { readiness } = planDeployment(observation)
      expect(wrongConditions(readiness, 0)).toEqual([])
      const available = readiness.own?.find(({ type }) => type === 'Available')?.status
      const answering = (observation.deployment?.availableReplicas ?? 0) + (observation.canary?.availableReplicas ?? 0)
      expect(available).toBe(answering > 0 ? 'True' : 'False')
    }),
    { numRuns: 1000 },
  )
})

test('only a known, whole and allowed model begins, and only a loaded one is Ready', () => {
  fc.assert(
    fc.property(anyObservation, (observation) => {
      const { rollout, readiness } = planDeployment(observation)
      const { suspend, model, modelInStore, evaluation, deployment } = observation
      const isAllowed =
        !evaluation || (evaluation.state === 'Judged' && evaluation.passed && evaluation.model === 'new')
      const isDue = !suspend && model.state === 'Ready' && modelInStore && isAllowed
      const hasBegun = rollout.state.rollout !== undefined && observation.state.rollout === undefined
      if (!isDue) expect(hasBegun).toBe(false)
      if (readiness.state !== 'ready') return
      expect(deployment?.model).toBe('new')
      expect(deployment?.availableReplicas).toBeGreaterThanOrEqual(deployment?.wanted ?? 0)
    }),
    { numRuns: 1000 },
  )
})

const ended = (secondsAgo: number) => ({
  digest: 'new',
  outcome: 'Promoted' as const,
  message: '',
  time: new Date(calm.rollout.now - secondsAgo * 1000).toISOString(),
})
const settled = { ...calm.state, stableDigest: 'new' }

test.each<[string, Partial<DeploymentObservation>, boolean | undefined]>([
  ['there is none where it is refused', { autoscaling: { refusal: { reason: 'No', message: 'no' } } }, undefined],
  ['it may take Pods away where one model serves', {}, true],
  ['not while another rolls out', promoting, false],
  ['nor while Pods of its canary go', { canaryPods: 1 }, false],
  ['nor before it has seen all requests for five minutes', { state: { ...settled, revisions: [ended(299)] } }, false],
  ['then again', { state: { ...settled, revisions: [ended(300), ended(400)] } }, true],
])('%s', (_, more, mayScaleIn) => {
  const { children } = planDeployment({ ...calm, deployment: serving, state: settled, autoscaling: {}, ...more })
  expect(children?.stable).not.toHaveProperty('replicas')
  expect(children?.autoscaler?.mayScaleIn).toBe(mayScaleIn)
})
