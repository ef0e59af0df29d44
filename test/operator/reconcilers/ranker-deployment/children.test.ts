import { expect, it } from 'vitest'
import type { RankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import { buildDeployment } from '../../../../operator/reconcilers/ranker-deployment/children.ts'
import { readSettings } from '../../../../workers/serving/settings.ts'

const settings = { image: 'adloom:1', storeUri: 'file:///store', environment: [] }

function environmentOf(serving: object): { name: string; value?: string; valueFrom?: unknown }[] {
  const ranker = {
    apiVersion: 'adloom.dev/v1alpha1',
    kind: 'RankerDeployment',
    metadata: { name: 'feed', namespace: 'shop', uid: 'uid' },
    spec: { model: {}, serving: { port: 8080, ...serving } },
  } as unknown as RankerDeployment
  const built = buildDeployment(ranker, { track: 'stable', model: 'sha256:1' }, settings) as unknown as {
    spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } }
  }
  return built.spec.template.spec.containers[0]?.env ?? []
}

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
