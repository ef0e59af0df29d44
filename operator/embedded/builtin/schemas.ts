import { withObjectParts } from '../schema/object-meta.ts'
import type { Schema } from '../schema/schema.ts'

/**
 * Just enough of the built-in kinds: the lists that server-side apply and strategic merge treat by key, and the defaults
 * that clients rely on. All else is kept as it came.
 */

type Properties = Record<string, Schema>

function open(properties: Properties = {}): Schema {
  return { type: 'object', properties, 'x-kubernetes-preserve-unknown-fields': true }
}

function keyed(keys: string | string[], items: Schema = open()): Schema {
  const names = [keys].flat()
  return { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': names, items }
}

const conditions: Properties = { conditions: keyed('type') }
const atomicMap: Schema = { ...open(), 'x-kubernetes-map-type': 'atomic' }
const protocol: Schema = { type: 'string', default: 'TCP' }

const container = open({
  ports: keyed(['containerPort', 'protocol'], open({ protocol })),
  env: keyed('name'),
  volumeMounts: keyed('mountPath'),
})

const podSpec = open({
  containers: keyed('name', container),
  initContainers: keyed('name', container),
  volumes: keyed('name'),
  imagePullSecrets: keyed('name'),
  nodeSelector: atomicMap,
  restartPolicy: { type: 'string', default: 'Always' },
  terminationGracePeriodSeconds: { type: 'integer', default: 30 },
})

const podTemplate = open({ metadata: open({ labels: open(), annotations: open() }), spec: podSpec })

function kind(properties: Properties): Schema {
  return withObjectParts(open(properties))
}

export const schemas = {
  plain: kind({}),
  namespace: kind({ status: open(conditions) }),
  pod: kind({ spec: podSpec, status: open(conditions) }),
  deployment: kind({
    spec: open({
      replicas: { type: 'integer', minimum: 0, default: 1 },
      revisionHistoryLimit: { type: 'integer', default: 10 },
      progressDeadlineSeconds: { type: 'integer', default: 600 },
      selector: atomicMap,
      template: podTemplate,
    }),
    status: open(conditions),
  }),
  service: kind({
    spec: open({
      type: { type: 'string', default: 'ClusterIP' },
      ports: keyed(['port', 'protocol'], open({ protocol })),
      selector: atomicMap,
    }),
    status: open(conditions),
  }),
  serviceAccount: kind({ secrets: keyed('name'), imagePullSecrets: keyed('name') }),
  secret: kind({ type: { type: 'string', default: 'Opaque' } }),
  customResourceDefinition: kind({
    spec: open({ versions: { type: 'array', items: open({ schema: atomicMap }) } }),
    status: open(conditions),
  }),
}
