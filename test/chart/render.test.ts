import { describe, expect, test } from 'vitest'
import { customResourceDefinition } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { type Rendered, release, releaseNamespace, render, template, type Values } from '../support/helm.ts'
import { combinations } from './combinations.ts'
import { podSecurityProblems, podSpecOf } from './pod-security.ts'

const allowed = combinations().filter(({ refused }) => !refused)
const refused = combinations().filter((combination) => combination.refused)

/** What is wrong with a manifest by itself. */
function problemsOf(objects: Rendered[]): string[] {
  const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
  return [
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} is there twice`),
    ...objects.flatMap((object, index) => problemsOfObject(object).map((problem) => `${names[index]}: ${problem}`)),
  ]
}

const clusterWide = new Set(['CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding'])

function problemsOfObject(object: Rendered): string[] {
  const { kind, metadata } = object
  const labels = metadata.labels ?? {}
  const pod = podSpecOf(object)
  return [
    ...(labels['app.kubernetes.io/name'] === 'adloom' ? [] : ['it has no label app.kubernetes.io/name']),
    ...(labels['app.kubernetes.io/instance'] === release ? [] : ['it has no label app.kubernetes.io/instance']),
    ...(labels['app.kubernetes.io/managed-by'] === 'Helm' ? [] : ['it has no label app.kubernetes.io/managed-by']),
    ...(clusterWide.has(kind) === (metadata.namespace === undefined) ? [] : ['it names no namespace, or has none']),
    ...(pod ? podSecurityProblems(pod) : []),
  ]
}

/** Helm is started for each: a test has as many of them as a busy machine gets through in its time. */
const groups = Object.entries(Object.groupBy(allowed, ({ group }) => group))

describe('every combination of the switches', () => {
  test.each(groups)('renders objects that are well by themselves: %s', async (_, group = []) => {
    const found: string[] = []
    for (const { name, values } of group) {
      const objects = await render(values)
      const problems = [...problemsOf(objects), ...danglingReferences(objects, values)]
      found.push(...problems.map((problem) => `${name}: ${problem}`))
    }
    expect(found).toEqual([])
  })

  test('is refused with a reason where one value needs another', async () => {
    expect(refused.length).toBeGreaterThan(0)
    for (const { values } of refused) {
      const { code, stderr } = await template(values)
      expect(code).toBe(1)
      expect(stderr).toContain('leave namespaces empty, use store.type S3, or set')
    }
  })
})

/** Names that Pods of the chart refer to and that neither the chart makes nor the values bring. */
function danglingReferences(objects: Rendered[], values: Values): string[] {
  const given = JSON.stringify(values)
  const made = (kind: string, name: string) =>
    objects.some(
      (one) => one.kind === kind && one.metadata.name === name && one.metadata.namespace === releaseNamespace,
    )
  const text = JSON.stringify(objects.filter((object) => podSpecOf(object)))
  const references = [
    ...[...text.matchAll(/"secretKeyRef":\{"name":"([^"]+)"/g)].map(([, name]) => ['Secret', name] as const),
    ...[...text.matchAll(/"claimName":"([^"]+)"/g)].map(([, name]) => ['PersistentVolumeClaim', name] as const),
    ...[...text.matchAll(/"serviceAccountName":"([^"]+)"/g)].map(([, name]) => ['ServiceAccount', name] as const),
  ]
  return references
    .filter(([kind, name = '']) => !made(kind, name) && !given.includes(`"${name}"`))
    .map(([kind, name]) => `${kind} ${name} is referred to and not there`)
}

describe('values', () => {
  test.each<[string, Values]>([
    ['scope', { scope: 'Everywhere' }],
    ['additional', { replica: 2 }],
    ['replicas', { operator: { replicas: 0 } }],
    ['url', { redis: { mode: 'External', external: { url: 'localhost:6379' } } }],
    ['exactly one of', { redis: { mode: 'External' } }],
    ['exactly one of', { redis: { mode: 'External', external: { url: 'redis://r', existingSecret: 's' } } }],
    ['store.s3.uri', { store: { type: 'S3' } }],
    ['namespaces', { namespaces: ['Not_A_Name'] }],
  ])('are refused with a word on %s: %j', async (word, values) => {
    const { code, stderr } = await template(values)
    expect(code).toBe(1)
    expect(stderr).toContain(word)
  })
})

describe('definitions', () => {
  test('are those of crds/kinds and stay when the release goes', async () => {
    const definitions = (await render({})).filter(({ kind }) => kind === 'CustomResourceDefinition')
    expect(definitions.map(({ spec }) => spec).sort(byText)).toEqual(
      kinds.map((kind) => JSON.parse(JSON.stringify(customResourceDefinition(kind).spec))).sort(byText),
    )
    for (const { metadata } of definitions) expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' })
  })
})

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

describe('least rights', () => {
  test('without a ClusterRole of the operator where it sees a list of namespaces', async () => {
    const objects = await render({ scope: 'Namespaces', namespaces: ['a', 'b'], store: s3, aggregatedRoles: off })
    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([])
    const roles = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'adloom-operator')
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['a', 'b'])
    const operator = JSON.stringify(objects.find(({ kind }) => kind === 'Deployment'))
    expect(operator).toContain('"--namespace=a","--namespace=b"')
  })

  test('nobody of the release may read Secrets', async () => {
    const rules = (await render({})).flatMap((object) => object.rules ?? [])
    expect(rules.filter(({ resources }) => resources.includes('secrets') || resources.includes('*'))).toEqual([])
  })

  test('a namespace with work in it gets the address of Redis and two accounts without a token', async () => {
    const objects = await render({ namespaces: ['team-a'], store: s3 })
    const there = objects.filter(({ kind, metadata }) => metadata.namespace === 'team-a' && kind !== 'NetworkPolicy')
    expect(there.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
      'Secret adloom-redis',
      'ServiceAccount adloom-ranker',
      'ServiceAccount adloom-worker',
    ])
    expect(there.find(({ kind }) => kind === 'Secret')?.stringData).toEqual({
      url: `redis://adloom-redis.${releaseNamespace}.svc:6379`,
    })
    for (const account of there.filter(({ kind }) => kind === 'ServiceAccount'))
      expect(account).toMatchObject({ automountServiceAccountToken: false })
  })
})

const off = { enabled: false }
const s3 = { type: 'S3', s3: { uri: 's3://bucket' } }
