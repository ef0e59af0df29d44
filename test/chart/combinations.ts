import type { Values } from '../support/helm.ts'

/** A switch of the chart: each of its positions as values, by a name. */
type Switch = Record<string, Values>

/** Switches whose values meet in one template: every combination of them is rendered. */
const meeting: Record<string, Switch> = {
  scope: { cluster: { scope: 'Cluster' }, listed: { scope: 'Namespaces' } },
  namespaces: { own: { namespaces: [] }, others: { namespaces: ['team-a', 'team-b'] } },
  redis: {
    included: { redis: { mode: 'Included' } },
    memory: { redis: { mode: 'Included', included: { password: 'p@ss/word', storage: { persistent: false } } } },
    url: { redis: { mode: 'External', external: { url: 'rediss://user:secret@redis.example:6380/1' } } },
    secret: { redis: { mode: 'External', external: { existingSecret: 'our-redis' } } },
  },
  store: {
    claim: { store: { type: 'PersistentVolumeClaim' } },
    shared: { store: { type: 'PersistentVolumeClaim', persistentVolumeClaim: { existingClaim: 'share' } } },
    keys: { store: { type: 'S3', s3: { uri: 's3://bucket/adloom', endpoint: 'https://s3.example:9000' } } },
    identity: { store: { type: 'S3', s3: { uri: 's3://bucket', region: 'eu-central-1', existingSecret: '' } } },
  },
  network: {
    open: { networkPolicy: { enabled: false } },
    closed: {
      networkPolicy: {
        enabled: true,
        rankersFrom: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }],
        workerEgress: [{ ports: [{ port: 5432, protocol: 'TCP' }] }],
      },
    },
  },
}

/** Each stands in a template of its own: the default and the other position are enough. */
const apart: Record<string, Values> = {
  'one replica': { operator: { replicas: 1 } },
  'without budget': { operator: { podDisruptionBudget: { enabled: false } } },
  'without roles': { aggregatedRoles: { enabled: false } },
  'metricsFrom nobody': { networkPolicy: { metricsFrom: [] } },
  monitored: {
    monitoring: {
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
      dashboards: { enabled: true },
    },
  },
  'monitored in a list of namespaces': {
    scope: 'Namespaces',
    monitoring: { serviceMonitor: { enabled: true } },
  },
  dressed: {
    image: { pullSecrets: ['regcred'], tag: 'v1', pullPolicy: 'Always' },
    operator: {
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'ours', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      priorityClassName: 'system-cluster-critical',
      podAnnotations: { 'example.com/note': 'yes' },
    },
    redis: { included: { storage: { storageClassName: 'fast' } } },
    store: { persistentVolumeClaim: { storageClassName: 'shared' } },
    serviceAccounts: {
      operator: { annotations: { 'example.com/role': 'operator' } },
      worker: { annotations: { 'example.com/role': 'worker' } },
      ranker: { annotations: { 'example.com/role': 'ranker' } },
    },
  },
}

export interface Combination {
  name: string
  /** Its first positions. */
  group: string
  values: Values
  /** The chart says why it will not: a claim of the release's namespace cannot be mounted in others. */
  refused: boolean
}

export function combinations(): Combination[] {
  let all: { names: Record<string, string>; values: Values }[] = [{ names: {}, values: {} }]
  for (const [name, positions] of Object.entries(meeting)) {
    all = all.flatMap(({ names, values }) =>
      Object.entries(positions).map(([position, more]) => ({
        names: { ...names, [name]: position },
        values: { ...values, ...more },
      })),
    )
  }
  return [
    ...all.map(({ names, values }) => ({
      name: Object.values(names).join(', '),
      group: Object.values(names).slice(0, 3).join(', '),
      // The definitions are the same each time, and long to read.
      values: { ...values, crds: { install: false } },
      refused: names.namespaces === 'others' && names.store === 'claim',
    })),
    { name: 'nothing said', group: 'apart', values: {}, refused: false },
    ...Object.entries(apart).map(([name, values]) => ({
      name,
      group: 'apart',
      values: { ...values, crds: { install: false } },
      refused: false,
    })),
  ]
}
