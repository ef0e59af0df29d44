import { type ApiObject, asObject, isObject } from '../json.ts'
import { dnsLabel, dnsSubdomain, type ResourceType } from '../resource-type.ts'
import { columns } from './columns.ts'
import { eventView } from './event-view.ts'
import { schemas } from './schemas.ts'

type Given = Pick<ResourceType, 'kind' | 'plural'> & Partial<ResourceType>

function builtin(given: Given): ResourceType {
  const group = given.group ?? ''
  return {
    group,
    version: 'v1',
    listKind: `${given.kind}List`,
    singular: given.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    storage: `${group}/${given.plural}`,
    schema: schemas.plain,
    builtin: true,
    hasStatus: false,
    hasGeneration: false,
    columns: columns.plain,
    selectableFields: {},
    validName: dnsSubdomain,
    ...given,
  }
}

function fields(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, name]))
}

const subject = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']
const eventFields = fields('type', 'reason', 'reportingComponent', ...subject.map((name) => `involvedObject.${name}`))
const eventViewFields = fields('type', 'reason', 'reportingController', ...subject.map((name) => `regarding.${name}`))

/** Secret.stringData is write-only text that ends up in data. */
function encodeStringData(secret: ApiObject): void {
  if (!isObject(secret.stringData)) return
  const encoded = Object.entries(secret.stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString('base64'),
  ])
  secret.data = { ...asObject(secret.data), ...Object.fromEntries(encoded) }
  delete secret.stringData
}

export const namespaceType = builtin({
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  hasStatus: true,
  validName: dnsLabel,
  schema: schemas.namespace,
  columns: columns.namespace,
  selectableFields: fields('status.phase'),
  prepare(namespace) {
    namespace.spec = { finalizers: ['kubernetes'] }
    namespace.status = { phase: 'Active' }
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name }
  },
})

export const podType = builtin({
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  schema: schemas.pod,
  columns: columns.pod,
  selectableFields: fields('spec.nodeName', 'spec.restartPolicy', 'status.phase', 'status.podIP'),
  prepare(pod) {
    pod.status = { phase: 'Pending' }
  },
})

export const eventType = builtin({
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  columns: columns.event,
  selectableFields: eventFields,
})

export const builtinTypes: ResourceType[] = [
  namespaceType,
  podType,
  eventType,
  builtin({
    ...eventType,
    group: 'events.k8s.io',
    storage: eventType.storage,
    convert: eventView,
    selectableFields: eventViewFields,
  }),
  builtin({
    kind: 'Service',
    plural: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    hasStatus: true,
    validName: dnsLabel,
    schema: schemas.service,
    columns: columns.service,
  }),
  builtin({
    kind: 'Secret',
    plural: 'secrets',
    schema: schemas.secret,
    columns: columns.secret,
    selectableFields: fields('type'),
    prepare: encodeStringData,
  }),
  builtin({ kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'], columns: columns.configMap }),
  builtin({ kind: 'ServiceAccount', plural: 'serviceaccounts', shortNames: ['sa'], schema: schemas.serviceAccount }),
  builtin({
    group: 'apps',
    kind: 'Deployment',
    plural: 'deployments',
    shortNames: ['deploy'],
    categories: ['all'],
    hasStatus: true,
    hasGeneration: true,
    scale: { replicas: ['spec', 'replicas'], statusReplicas: ['status', 'replicas'], selector: ['spec', 'selector'] },
    schema: schemas.deployment,
    columns: columns.deployment,
  }),
  builtin({ group: 'coordination.k8s.io', kind: 'Lease', plural: 'leases', columns: columns.lease }),
  builtin({
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    hasStatus: true,
    hasGeneration: true,
    schema: schemas.customResourceDefinition,
    columns: columns.customResourceDefinition,
  }),
]
