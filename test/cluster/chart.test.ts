import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import type { Client } from '../../operator/cluster/client.ts'
import { AlreadyExistsError, NotFoundError } from '../../operator/cluster/errors.ts'
import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import type { KubernetesObject, Resource } from '../../operator/cluster/objects.ts'
import { CUSTOM_RESOURCE_DEFINITION, NAMESPACE, SERVICE_ACCOUNT } from '../../operator/cluster/resources.ts'
import { combinations } from '../chart/combinations.ts'
import { eventually, temporaryDirectory } from '../operator/node/support.ts'
import { connect, createNamespace, sharedControlPlane, untilEstablished } from '../support/cluster.ts'
import { earlierChart } from '../support/earlier-chart.ts'
import { chartFolder, helm, type Rendered, release, releaseNamespace, render } from '../support/helm.ts'

let kubeconfig: string
let client: Client
let close: (() => Promise<void>) | undefined

beforeEach(async (context) => {
  ;({ kubeconfig } = await sharedControlPlane(context))
  ;({ client, close } = connect(kubeconfig))
})
afterEach(() => close?.())

/** Kinds of the Prometheus operator, as far as this server must know them to take objects of them. */
const monitoringKinds = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule']

function monitoringDefinition(kind: string): KubernetesObject {
  const plural = `${kind.toLowerCase()}s`
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.monitoring.coreos.com`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' },
    },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  } as KubernetesObject
}

async function ensureNamespace(name: string): Promise<void> {
  await client
    .create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    .catch((error: unknown) => {
      if (!(error instanceof AlreadyExistsError)) throw error
    })
  // The service account admission refuses Pods before the controller manager has made the account.
  await eventually(() => client.get(SERVICE_ACCOUNT, { namespace: name, name: 'default' }).catch(() => undefined))
}

/** Distinct objects of all combinations, each with the first one that has it. */
async function distinctObjects(): Promise<Map<string, { object: Rendered; from: string }>> {
  const found = new Map<string, { object: Rendered; from: string }>()
  for (const { name, values, refused } of combinations()) {
    if (refused) continue
    for (const object of await render(values)) {
      const text = JSON.stringify(object)
      if (!found.has(text)) found.set(text, { object, from: name })
    }
  }
  return found
}

test('a real API server takes every object of every combination, with no field it does not know', async () => {
  for (const kind of monitoringKinds) {
    const definition = monitoringDefinition(kind)
    await client.apply(CUSTOM_RESOURCE_DEFINITION, definition, { force: true })
    await untilEstablished(client, definition.metadata.name)
  }
  for (const namespace of [releaseNamespace, 'team-a', 'team-b']) await ensureNamespace(namespace)
  const http = createHttpTransport(loadKubeConfig(kubeconfig))
  const refusals: string[] = []
  const objects = await distinctObjects()
  for (const { object, from } of objects.values()) {
    const url = new URL(pathOf(object), http.server)
    url.search = 'dryRun=All&fieldValidation=Strict&fieldManager=helm&force=true'
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const answer = await http.transport(new Request(url, { method: 'PATCH', headers, body: JSON.stringify(object) }))
    const text = await answer.text()
    if (!answer.ok) refusals.push(`${from}: ${object.kind} ${object.metadata.name}: ${text}`)
  }
  await http.close()
  expect(refusals).toEqual([])
  expect(objects.size).toBeGreaterThan(100)
  // A hundred runs of Helm on a machine that does other things, too.
}, 600_000)

function pathOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const plural = kind.endsWith('y') ? `${kind.slice(0, -1).toLowerCase()}ies` : `${kind.toLowerCase()}s`
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${scope}/${plural}/${metadata.name}`
}

const claim = { store: { persistentVolumeClaim: { accessModes: ['ReadWriteOnce'] } } }

describe('a release', () => {
  test('is upgraded from the chart of an earlier commit, and leaves definitions, objects and data behind', async (context) => {
    const earlier = earlierChart(await temporaryDirectory())
    const namespace = await createNamespace(client, 'release')
    const install = (chart: string) =>
      helm(
        // The definitions may be there from other tests, made by others; nothing will run here to wait for.
        [
          'upgrade',
          '--install',
          release,
          chart,
          '--namespace',
          namespace,
          '--take-ownership',
          '--force-conflicts',
        ].concat(['--wait=false', '--values', '-']),
        { kubeconfig, input: JSON.stringify(claim) },
      )
    if ('reason' in earlier) context.annotate(earlier.reason)
    else expect(await install(earlier.chart)).toMatchObject({ code: 0 })
    const dataset = datasetOf(namespace)
    const [kind] = kinds.filter((one) => one.kind === 'Dataset')
    if (!kind) throw new Error('there is no Dataset')
    const installed = await install(chartFolder)
    expect(installed.code, installed.stderr).toBe(0)
    await untilEstablished(client, 'datasets.adloom.dev')
    const { metadata } = await client.create(resourceOf(kind), dataset)
    const again = await install(chartFolder)
    expect(again.code, again.stderr).toBe(0)
    // Nothing of the object was touched.
    expect((await client.get(resourceOf(kind), { namespace, name: 'kept' })).metadata).toEqual(metadata)

    const gone = await helm(['uninstall', release, '--namespace', namespace, '--wait=false'], { kubeconfig })
    expect(gone.code, gone.stderr).toBe(0)
    await expect(client.get(deployments, { namespace, name: 'adloom-operator' })).rejects.toThrow(NotFoundError)
    for (const { plural } of kinds) await client.get(CUSTOM_RESOURCE_DEFINITION, { name: `${plural}.adloom.dev` })
    expect((await client.get(resourceOf(kind), { namespace, name: 'kept' })).metadata.uid).toBe(metadata.uid)
    await client.get(claims, { namespace, name: 'adloom-store' })
    await client.delete(resourceOf(kind), { namespace, name: 'kept' })
  })
})

const deployments: Resource = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
}
const claims: Resource = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  namespaced: true,
}

const datasetOf = (namespace: string) => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'Dataset',
  metadata: { name: 'kept', namespace } as KubernetesObject['metadata'],
  spec: { source: { simulation: { users: 10, items: 10 } } },
})
