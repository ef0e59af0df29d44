import { expect, test } from 'vitest'
import type { Autoscaling } from '../../../../crds/autoscaling.ts'
import type { RankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import {
  autoscalerRefusal,
  autoscalingCondition,
  buildAutoscaler,
  isAsWanted,
  type SeenAutoscaler,
} from '../../../../operator/reconcilers/ranker-deployment/autoscaler.ts'

const ranker = {
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'RankerDeployment',
  metadata: { name: 'feed', namespace: 'shop', uid: 'uid' },
  spec: {},
} as unknown as RankerDeployment

const build = (targets: Partial<Autoscaling>, mayScaleIn = true) =>
  buildAutoscaler(ranker, { minReplicas: 2, maxReplicas: 8, ...targets }, mayScaleIn)

const seen = (...conditions: object[]) =>
  ({ isServed: true, present: { ...build({}), status: { conditions } } }) as unknown as SeenAutoscaler

test('it scales the Deployment of stable by each target that is given', () => {
  expect(build({ targetCpuUtilizationPercent: 70, targetRequestsInFlight: 8 }).spec).toEqual({
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'feed' },
    minReplicas: 2,
    maxReplicas: 8,
    metrics: [
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'cpu',
          container: 'ranker',
          target: { type: 'Utilization', averageUtilization: 70 },
        },
      },
      {
        type: 'Pods',
        pods: { metric: { name: 'adloom_rank_in_flight' }, target: { type: 'AverageValue', averageValue: '8' } },
      },
    ],
    behavior: { scaleDown: { selectPolicy: 'Max' } },
  })
  expect(build({ targetRequestsInFlight: 8 }).spec).toMatchObject({ metrics: [{ type: 'Pods' }] })
  expect(build({}, false).spec).toMatchObject({ behavior: { scaleDown: { selectPolicy: 'Disabled' } } })
})

test('what the server fills in is no difference, what somebody changed is', () => {
  const wanted = build({ targetCpuUtilizationPercent: 70 }).spec
  const filled = structuredClone({
    ...wanted,
    other: 1,
    behavior: { scaleDown: { selectPolicy: 'Max', policies: [] } },
  })
  expect(isAsWanted(filled, wanted)).toBe(true)
  expect(isAsWanted({ ...filled, maxReplicas: 9 }, wanted)).toBe(false)
  expect(isAsWanted({ ...filled, metrics: [] }, wanted)).toBe(false)
  expect(isAsWanted(undefined, wanted)).toBe(false)
})

test('it is refused where nothing scales, and where the name is taken', () => {
  expect(autoscalerRefusal(ranker, undefined)).toBeUndefined()
  expect(autoscalerRefusal(ranker, { isServed: true, present: undefined })).toBeUndefined()
  expect(autoscalerRefusal(ranker, seen())).toBeUndefined()
  expect(autoscalerRefusal(ranker, { isServed: false })).toMatchObject({
    reason: 'AutoscalingNotAvailable',
    message: expect.stringContaining('give replicas instead'),
  })
  const other = { ...build({}), metadata: { name: 'feed', namespace: 'shop' } }
  expect(autoscalerRefusal(ranker, { isServed: true, present: other })).toMatchObject({
    reason: 'NameTaken',
    message: expect.stringContaining('"feed" is another\'s; delete it, or leave spec.autoscaling and replicas out'),
  })
})

const active = (status: string) => ({ type: 'ScalingActive', status, reason: 'Reason', message: 'words' })
const able = (status: string) => ({ ...active(status), type: 'AbleToScale', reason: 'Unable' })

test.each([
  ['says nothing before its first look', [], undefined],
  ['says what it lacks', [able('True'), active('False')], 'False Reason: words'],
  ['says that it cannot scale', [able('False'), active('True')], 'False Unable: words'],
  ['says that it works', [able('True'), active('True')], 'True ScalingActive: the HorizontalPodAutoscaler reads'],
])('an autoscaler %s', (_, conditions, expected) => {
  const { status, reason, message } = autoscalingCondition(seen(...conditions)) ?? {}
  if (expected === undefined) expect(status).toBeUndefined()
  else expect(`${status} ${reason}: ${message}`).toContain(expected)
})
