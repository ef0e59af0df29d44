import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type DeploymentObservation,
  planDeployment,
  type SeenDeployment,
} from '../../../../operator/reconcilers/ranker-deployment/plan.ts'
import { wrongConditions } from '../readiness.ts'

const ready = (model: string): DeploymentObservation['model'] => ({ state: 'Ready', digests: { model } })
const waiting: DeploymentObservation['model'] = {
  state: 'Waiting',
  message: 'TrainingRun is not Ready',
  waitingFor: [{ kind: 'TrainingRun', name: 'run' }],
}

const serving: SeenDeployment = {
  model: 'new',
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

const calm: DeploymentObservation = { suspend: false, model: ready('new'), modelInStore: true }

const table: Record<string, [observation: Partial<DeploymentObservation>, expected: string]> = {
  'a new deployment is applied': [{}, 'reconciling RollingOut, applies new, served nothing'],
  'a deployment that serves is Ready': [{ deployment: serving }, 'ready Serving, applies new, served new'],
  'another model is rolled out': [{ deployment: before }, 'reconciling RollingOut, applies new, served old'],
  'a model that loads does not serve yet': [
    { deployment: loading, servedDigest: 'old' },
    'reconciling RollingOut, applies new, served old',
  ],
  'a Deployment that was not looked at is on the way': [
    { deployment: { ...serving, generation: 3 }, servedDigest: 'old' },
    'reconciling RollingOut, applies new, served old',
  ],
  'no progress needs a person': [
    { deployment: { ...loading, deadlineExceeded: true }, servedDigest: 'old' },
    'stalled ProgressDeadlineExceeded, applies new, served old',
  ],
  'no replicas are what was wanted': [
    { deployment: { ...serving, wanted: 0, replicas: 0, updatedReplicas: 0, availableReplicas: 0 } },
    'ready ScaledToZero, applies new, served new',
  ],
  'suspension leaves what serves': [
    { suspend: true, deployment: before },
    'held Suspended, applies nothing, served old',
  ],
  'a model that is not known is waited for': [
    { model: waiting, deployment: before },
    'reconciling DependencyNotReady, applies nothing, served old',
  ],
  'a wrong spec needs a person': [
    { model: { state: 'Invalid', message: 'no' }, deployment: before },
    'stalled InvalidSpec, applies nothing, served old',
  ],
  'a model that the store lacks is not rolled out': [
    { modelInStore: false, deployment: before },
    'reconciling ArtifactMissing, applies nothing, served old',
  ],
  'an evaluation that passed lets the model through': [
    { evaluation: judged(true), deployment: before },
    'reconciling RollingOut, applies new, served old',
  ],
  'an evaluation that did not pass holds it': [
    { evaluation: judged(false), deployment: before },
    'reconciling EvaluationNotPassed, applies nothing, served old',
  ],
  'an evaluation of another model holds it': [
    { evaluation: judged(true, 'old'), deployment: before },
    'reconciling EvaluationOfOtherModel, applies nothing, served old',
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
  const { readiness, apply, servedDigest } = planDeployment({ ...calm, ...observation })
  const said = `${readiness.state} ${readiness.reason}`
  expect(`${said}, applies ${apply ?? 'nothing'}, served ${servedDigest ?? 'nothing'}`).toBe(expected)
})

test('what is waited for is woken', () => {
  expect(planDeployment({ ...calm, model: waiting }).wake).toEqual([{ kind: 'TrainingRun', name: 'run' }])
})

const count = fc.nat(3)
const anyDeployment = fc.record({
  model: fc.constantFrom('new', 'old'),
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
const anyObservation: fc.Arbitrary<DeploymentObservation> = fc.record(
  {
    suspend: fc.boolean(),
    model: fc.constantFrom<DeploymentObservation['model']>(ready('new'), waiting, { state: 'Invalid', message: 'no' }),
    modelInStore: fc.boolean(),
    evaluation: anyEvaluation,
    deployment: anyDeployment,
    problem: fc.constant('Pod pod-0: ErrImagePull'),
    servedDigest: fc.constantFrom('old', 'older'),
  },
  { requiredKeys: ['suspend', 'model', 'modelInStore'] },
)

test('conditions are well-formed, and Available tells whether something answers', () => {
  fc.assert(
    fc.property(anyObservation, (observation) => {
      const { readiness } = planDeployment(observation)
      expect(wrongConditions(readiness, 0)).toEqual([])
      const available = readiness.own?.find(({ type }) => type === 'Available')?.status
      expect(available).toBe((observation.deployment?.availableReplicas ?? 0) > 0 ? 'True' : 'False')
    }),
    { numRuns: 1000 },
  )
})

test('only a known, whole and allowed model is applied, and only a loaded one is Ready', () => {
  fc.assert(
    fc.property(anyObservation, (observation) => {
      const { apply, readiness } = planDeployment(observation)
      const { suspend, model, modelInStore, evaluation, deployment } = observation
      const isAllowed =
        !evaluation || (evaluation.state === 'Judged' && evaluation.passed && evaluation.model === 'new')
      const isDue = !suspend && model.state === 'Ready' && modelInStore && isAllowed
      expect(apply).toBe(isDue ? 'new' : undefined)
      if (readiness.state !== 'ready') return
      expect(deployment?.model).toBe('new')
      expect(deployment?.availableReplicas).toBeGreaterThanOrEqual(deployment?.wanted ?? 0)
    }),
    { numRuns: 1000 },
  )
})
