import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { apiVersion, customResourceDefinition, type KindDefinition, resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import type { Client } from '../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { connect, createNamespace, installKinds, sharedControlPlane } from '../support/cluster.ts'
import type { KindExample } from '../support/kind-example.ts'
import { kindExamples } from '../support/kind-examples.ts'

let client: Client
let close: (() => Promise<void>) | undefined
let namespace: string

beforeEach(async (context) => {
  const { kubeconfig } = await sharedControlPlane(context)
  ;({ client, close } = connect(kubeconfig))
  await installKinds(client)
  namespace = await createNamespace(client, 'validation')
})
afterEach(() => close?.())

interface Stored extends KubernetesObject {
  spec: Record<string, unknown>
}

function exampleOf({ kind }: KindDefinition): KindExample {
  const example = kindExamples[kind]
  if (example === undefined) throw new Error(`no example of ${kind} in test/support/kind-examples.ts`)
  return example
}

function create({ kind, ...definition }: KindDefinition, spec: Record<string, unknown>): Promise<Stored> {
  const metadata = { generateName: 'example-', namespace } as unknown as KubernetesObject['metadata']
  return client.create<Stored>(resourceOf({ kind, ...definition }), { apiVersion, kind, metadata, spec })
}

describe.each(kinds.map((definition) => [definition.kind, definition] as const))('%s', (_, definition) => {
  const { spec, refused, accepted, other = {} } = exampleOf(definition)

  test('is accepted with little said, and on the right side of every rule', async () => {
    for (const change of [{}, ...accepted]) await create(definition, { ...spec, ...change })
  })

  test('is refused with the words of the rule', async () => {
    for (const { change, message } of refused) {
      await expect(create(definition, { ...spec, ...change }), JSON.stringify(change)).rejects.toThrow(message)
    }
  })

  test('has an example for every rule', () => {
    const said = refused.map(({ message }) => message)
    const untested = rulesOf(customResourceDefinition(definition))
      .filter((rule) => !rule.includes('cannot change once the run has started'))
      .filter((rule) => !said.some((message) => rule.includes(message)))
    expect(untested).toEqual([])
  })

  test('gets every default of the schema', async () => {
    const { properties } = definition.spec
    const created = await create(definition, spec)
    for (const [field, schema] of Object.entries(properties)) {
      const value = spec[field] ?? (schema as { default?: unknown }).default
      if (value === undefined) expect(created.spec).not.toHaveProperty(field)
      else expect(created.spec).toMatchObject({ [field]: value })
    }
  })

  const mutable = definition.mutableOnceStarted
  if (mutable === undefined) return

  test('keeps what decides its result once it has started, and only that', async () => {
    const resource = resourceOf(definition)
    const fixed = Object.keys(definition.spec.properties).filter((field) => !mutable.includes(field))
    // A field with a single value today cannot change anyway.
    const changeable = fixed.filter((field) => !isSingleValued(definition.spec.properties[field]))
    expect(Object.keys(other).sort()).toEqual(changeable.sort())

    const { metadata } = await create(definition, spec)
    const change = (patch: object) => client.mergePatch(resource, metadata, { spec: patch })
    await change({ seed: 7 })
    const started = { status: { startTime: '2026-01-01T00:00:00Z' } }
    await client.mergePatch(resource, metadata, started, { subresource: 'status' })
    for (const [field, value] of Object.entries(other)) {
      const refusal = `spec.${field} cannot change once the run has started`
      await expect(change({ [field]: value }), field).rejects.toThrow(refusal)
    }
    await change({ suspend: true, backoffLimit: 0, activeDeadlineSeconds: 60, workerPoolRef: { name: 'other' } })
    await change({ ttlSecondsAfterFinished: 60 })
  })
})

/** The messages of all CEL rules below a node of a schema. */
function rulesOf(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([key, value]) =>
    key === 'x-kubernetes-validations'
      ? (value as { message: string }[]).map(({ message }) => message)
      : rulesOf(value),
  )
}

function isSingleValued(schema: unknown): boolean {
  return (schema as { enum?: unknown[] } | undefined)?.enum?.length === 1
}
