import type { KubernetesObject, ObjectKey, Resource } from './objects.ts'

const core = (kind: string, plural: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced,
})

export const POD = core('Pod', 'pods')
export const SERVICE = core('Service', 'services')
export const SECRET = core('Secret', 'secrets')
export const CONFIG_MAP = core('ConfigMap', 'configmaps')
export const SERVICE_ACCOUNT = core('ServiceAccount', 'serviceaccounts')
export const NAMESPACE = core('Namespace', 'namespaces', false)
export const NODE = core('Node', 'nodes', false)

export const DEPLOYMENT: Resource = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
}
export const EVENT: Resource = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}
export const LEASE: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
}
export const CUSTOM_RESOURCE_DEFINITION: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}

/** `v1`, or `apps/v1`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version
}

export function keyOf(object: KubernetesObject): ObjectKey {
  const { namespace, name } = object.metadata
  return namespace === undefined ? { name } : { namespace, name }
}

/** `namespace/name`, or `name` for what has no namespace. */
export function formatKey(key: ObjectKey): string {
  return key.namespace ? `${key.namespace}/${key.name}` : key.name
}

export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/')
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}
