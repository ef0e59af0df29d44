import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { apiVersion, resourceOf } from '../../../crds/kind.ts'
import { rankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { kinds } from '../../../crds/kinds.ts'
import { installDefinitions } from '../../../operator/cli/crds.ts'
import { ask, patchOf } from '../../../operator/cli/requests.ts'
import { type Verb, verbs } from '../../../operator/cli/verbs.ts'
import { createClient } from '../../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { serve } from '../../../operator/embedded/serve.ts'
import { createEmbeddedServer } from '../../../operator/embedded/server.ts'
import { kindExamples } from '../../support/kind-examples.ts'

const now = '2026-01-01T00:00:00.000Z'

test.each([
  ['approve', 'RankerDeployment', { metadata: { annotations: { 'adloom.dev/approve': now } } }],
  ['abort', 'RankerPipeline', { metadata: { annotations: { 'adloom.dev/abort': now } } }],
  ['promote', 'RankerDeployment', { metadata: { annotations: { 'adloom.dev/promote': now } } }],
  ['retry', 'TrainingRun', { metadata: { annotations: { 'adloom.dev/retry': now } } }],
  ['retrain', 'RankerPipeline', { metadata: { annotations: { 'adloom.dev/retrain': now } } }],
  ['suspend', 'WorkerPool', { spec: { suspend: true } }],
  ['resume', 'Dataset', { spec: { suspend: false } }],
] as const)('%s is asked of a %s', (verb, kind, patch) => {
  expect(patchOf(verb, kind, now)).toEqual(patch)
})

test('a kind that does not follow a request says which it follows', () => {
  expect(() => patchOf('approve', 'TrainingRun', now)).toThrow(
    'a TrainingRun does not approve; what can be asked of it: retry, suspend, resume',
  )
  for (const verb of Object.keys(verbs) as Verb[]) expect(kinds.some(({ kind }) => follows(verb, kind))).toBe(true)
})

test('a digest names the model that a pipeline takes, and nothing else', () => {
  expect(patchOf('promote', 'RankerPipeline', now, 'sha256:1')).toEqual({
    metadata: { annotations: { 'adloom.dev/promote': 'sha256:1' } },
  })
  expect(() => patchOf('promote', 'RankerDeployment', now, 'sha256:1')).toThrow('--digest')
})

test('the request reaches the object, by any name of its kind, and words that name none are refused', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'adloom-requests-'))
  const server = createEmbeddedServer()
  const client = createClient({
    transport: (request) => server.handle(request),
    fieldManager: 'user',
    userAgent: 'user',
  })
  await installDefinitions(client)
  const resource = resourceOf(rankerDeployment)
  const metadata = { name: 'ads', namespace: 'default' }
  const { spec } = kindExamples.RankerDeployment ?? {}
  await client.apply(resource, { apiVersion, kind: resource.kind, metadata, spec } as KubernetesObject)
  const served = await serve({
    handle: (request) => server.handle(request),
    kubeconfigPath: join(directory, 'kubeconfig'),
  })
  const say = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  onTestFinished(async () => {
    say.mockRestore()
    await served.stop()
    await server.stop()
    await rm(directory, { recursive: true })
  })
  const command = { directory, namespace: 'default' }
  await ask('abort', 'rd/ads', command, Date.parse(now))
  await ask('suspend', 'rankerdeployments/ads', command)
  const after = await client.get<KubernetesObject & { spec: { suspend: boolean } }>(resource, metadata)
  expect(after.metadata.annotations).toEqual({ 'adloom.dev/abort': now })
  expect(after.spec.suspend).toBe(true)
  expect(say.mock.calls.flat()[0]).toContain('kubectl -n default get rankerdeployments ads --watch')
  await expect(ask('abort', 'rd/other', command)).rejects.toThrow('not found')
  await expect(ask('abort', 'deployment/ads', command)).rejects.toThrow('"deployment/ads" is no object')
})

const follows = (verb: Verb, kind: string): boolean => {
  try {
    return patchOf(verb, kind, now) !== undefined
  } catch {
    return false
  }
}
