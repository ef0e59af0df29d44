import { readFile } from 'node:fs/promises'
import { Agent, fetch } from 'undici'
import { beforeEach, expect, test } from 'vitest'
import { sharedControlPlane } from '../support/cluster.ts'
import type { SharedControlPlane } from '../support/control-plane/broker.ts'

let controlPlane: SharedControlPlane

beforeEach(async (context) => {
  controlPlane = await sharedControlPlane(context)
})

async function send(method: string, path: string, body?: unknown): Promise<{ status: number; body: string }> {
  const dispatcher = new Agent({ connect: { ca: controlPlane.ca } })
  const response = await fetch(`${controlPlane.server}${path}`, {
    method,
    dispatcher,
    headers: { authorization: `Bearer ${controlPlane.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = { status: response.status, body: await response.text() }
  await dispatcher.close()
  return answer
}

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: { low: { type: 'integer', default: 1 }, high: { type: 'integer' } },
      'x-kubernetes-validations': [{ rule: 'self.low <= self.high', message: 'low must not exceed high' }],
    },
    status: { type: 'object', properties: { ready: { type: 'boolean' } } },
  },
}

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'ranges.smoke.test' },
  spec: {
    group: 'smoke.test',
    scope: 'Namespaced',
    names: { plural: 'ranges', singular: 'range', kind: 'Range' },
    versions: [
      { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, subresources: { status: {} } },
    ],
  },
}

const ranges = '/apis/smoke.test/v1/namespaces/default/ranges'
const range = (name: string, spec: object) => ({
  apiVersion: 'smoke.test/v1',
  kind: 'Range',
  metadata: { name },
  spec,
})

test('the server is of the version that go.mod names', async () => {
  const module = await readFile(new URL('../support/control-plane/go.mod', import.meta.url), 'utf8')
  const version = /k8s\.io\/kubernetes (v\S+)/.exec(module)?.[1]
  const answer = JSON.parse((await send('GET', '/version')).body) as { gitVersion: string }
  expect(answer.gitVersion).toBe(version)
})

test('a definition with a CEL rule gives defaults, refuses by the rule and keeps status apart', async () => {
  expect((await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).status).toBe(201)
  await expect.poll(async () => (await send('GET', ranges)).status).toBe(200)

  const refused = await send('POST', ranges, range('refused', { low: 3, high: 2 }))
  expect(refused).toMatchObject({ status: 422, body: expect.stringContaining('low must not exceed high') })

  const created = await send('POST', ranges, { ...range('accepted', { high: 2 }), status: { ready: true } })
  expect(JSON.parse(created.body)).toMatchObject({ spec: { low: 1, high: 2 }, metadata: { generation: 1 } })
  expect(JSON.parse(created.body)).not.toHaveProperty('status')
})

test('the controller manager gives a new namespace its service account and empties a deleted one', async () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'smoke' } }
  expect((await send('POST', '/api/v1/namespaces', namespace)).status).toBe(201)
  const account = '/api/v1/namespaces/smoke/serviceaccounts/default'
  await expect.poll(async () => (await send('GET', account)).status, { timeout: 20_000 }).toBe(200)
  expect((await send('DELETE', '/api/v1/namespaces/smoke')).status).toBe(200)
  await expect.poll(async () => (await send('GET', '/api/v1/namespaces/smoke')).status, { timeout: 30_000 }).toBe(404)
})
