import { expect, it } from 'vitest'
import type { RankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import { buildDeployment } from '../../../../operator/reconcilers/ranker-deployment/children.ts'
import { readSettings } from '../../../../workers/serving/settings.ts'

const settings = { image: 'adloom:1', storeUri: 'file:///store', environment: [] }

interface PodSpec {
  containers: { env: { name: string; value?: string; valueFrom?: unknown }[]; resources?: object }[]
}

function podSpecOf(spec: object): PodSpec {
  const ranker = {
    apiVersion: 'adloom.dev/v1alpha1',
    kind: 'RankerDeployment',
    metadata: { name: 'feed', namespace: 'shop', uid: 'uid' },
    spec: { model: {}, serving: { port: 8080 }, ...spec },
  } as unknown as RankerDeployment
  const built = buildDeployment(ranker, { track: 'stable', model: 'sha256:1' }, settings) as unknown as {
    spec: { template: { spec: PodSpec } }
  }
  return built.spec.template.spec
}

const environmentOf = (serving: object) => podSpecOf({ serving: { port: 8080, ...serving } }).containers[0]?.env ?? []

it('the token of events comes from its Secret, and stands nowhere in clear text', () => {
  const tokenSecretRef = { name: 'feed-events', key: 'token' }
  expect(environmentOf({ feedback: { tokenSecretRef } })).toContainEqual({
    name: 'ADLOOM_EVENTS_TOKEN',
    valueFrom: { secretKeyRef: tokenSecretRef },
  })
  expect(environmentOf({ feedback: {} }).map(({ name }) => name)).not.toContain('ADLOOM_EVENTS_TOKEN')
})

it('a server reads what its Pod is told', () => {
  const asked = { feedback: { rotateSeconds: 5 }, exploration: { temperature: '2', sharePercent: 5 } }
  const told = Object.fromEntries(environmentOf(asked).map(({ name, value }) => [name, value]))
  expect(readSettings(told)).toMatchObject({
    namespace: 'shop',
    name: 'feed',
    digest: 'sha256:1',
    storeUri: 'file:///store',
    serving: asked,
  })
})

const accelerator = {
  resource: 'nvidia.com/gpu',
  count: 2,
  nodeSelector: { pool: 'gpu' },
  tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
  runtimeClassName: 'nvidia',
}

it('an accelerator is requested and limited in the container, on nodes that have it', () => {
  expect(podSpecOf({ accelerator })).toMatchObject({
    nodeSelector: { pool: 'gpu' },
    tolerations: accelerator.tolerations,
    runtimeClassName: 'nvidia',
    containers: [
      { name: 'ranker', resources: { requests: { 'nvidia.com/gpu': '2' }, limits: { 'nvidia.com/gpu': '2' } } },
    ],
  })
  const plain = podSpecOf({})
  for (const field of ['nodeSelector', 'tolerations', 'runtimeClassName']) expect(plain).not.toHaveProperty(field)
  expect(plain.containers[0]).not.toHaveProperty('resources')
})

it('the template is merged over it: more resources, another selector, one toleration more', () => {
  const template = {
    spec: {
      nodeSelector: { zone: 'a' },
      runtimeClassName: 'other',
      tolerations: [{ key: 'nvidia.com/gpu', effect: 'NoExecute', operator: 'Exists' }],
      containers: [{ name: 'ranker', resources: { requests: { cpu: '2' }, limits: { memory: '8Gi' } } }],
    },
  }
  expect(podSpecOf({ accelerator, template })).toMatchObject({
    nodeSelector: { pool: 'gpu', zone: 'a' },
    tolerations: [...accelerator.tolerations, ...template.spec.tolerations],
    runtimeClassName: 'other',
    containers: [
      {
        resources: {
          requests: { 'nvidia.com/gpu': '2', cpu: '2' },
          limits: { 'nvidia.com/gpu': '2', memory: '8Gi' },
        },
      },
    ],
  })
})
