/**
 * HTTPRoute as far as we use it (kubernetes-sigs/gateway-api: its weights, its mirror, its status), for servers without
 * the Gateway API.
 */
const weight = { type: 'integer', format: 'int32', minimum: 0, maximum: 1_000_000, default: 1 }
const backend = {
  group: { type: 'string', default: '' },
  kind: { type: 'string', default: 'Service' },
  name: { type: 'string' },
  namespace: { type: 'string' },
  port: { type: 'integer', format: 'int32' },
}
const listOf = (properties: object, required: string[] = []) => ({
  type: 'array',
  items: { type: 'object', required, properties },
})
const mirror = {
  type: 'object',
  required: ['backendRef'],
  properties: {
    backendRef: { type: 'object', required: ['name'], properties: backend },
    percent: { type: 'integer', format: 'int32', minimum: 0, maximum: 100 },
  },
}
const spec = {
  parentRefs: listOf(
    {
      group: { type: 'string' },
      kind: { type: 'string' },
      name: { type: 'string' },
      namespace: { type: 'string' },
      sectionName: { type: 'string' },
    },
    ['name'],
  ),
  hostnames: { type: 'array', items: { type: 'string' } },
  rules: listOf({
    filters: listOf({ type: { type: 'string' }, requestMirror: mirror }, ['type']),
    backendRefs: listOf({ ...backend, weight }, ['name']),
  }),
}
const condition = {
  type: { type: 'string' },
  status: { type: 'string' },
  reason: { type: 'string' },
  message: { type: 'string' },
}
const schema = {
  type: 'object',
  properties: {
    spec: { type: 'object', properties: spec },
    status: { type: 'object', properties: { parents: listOf({ conditions: listOf(condition) }) } },
  },
}

export const httpRouteDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'httproutes.gateway.networking.k8s.io',
    // The groups of k8s.io are guarded: KEP-1111.
    annotations: { 'api-approved.kubernetes.io': 'unapproved, a part of the Gateway API for tests' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    scope: 'Namespaced',
    names: { kind: 'HTTPRoute', listKind: 'HTTPRouteList', plural: 'httproutes', singular: 'httproute' },
    versions: [
      { name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: schema } },
    ],
  },
}
