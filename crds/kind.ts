import type { Static, TObject } from 'typebox'
import type { Rule } from './schema.ts'

export const group = 'adloom.dev'
export const version = 'v1alpha1'
export const apiVersion = `${group}/${version}`

export interface PrinterColumn {
  name: string
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  jsonPath: string
  description?: string
  /** Above 0: shown with `-o wide` only. */
  priority?: number
}

/** Everything that Adloom knows of a kind before it acts: from it come the CRD, the reference page and the types. */
export interface KindDefinition<Spec extends TObject = TObject, Status extends TObject = TObject> {
  kind: string
  plural: string
  shortNames: string[]
  /** What the kind is for, in a sentence or two of the reference page. */
  description: string
  spec: Spec
  status: Status
  columns: PrinterColumn[]
  /** Rules on the whole object; rules of one field stand in its schema. */
  rules?: Rule[]
  /** Fields of spec that may change after the run has started; absent: the kind is no run. */
  mutableOnceStarted?: string[]
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string }
}

export const defineKind = <Spec extends TObject, Status extends TObject>(definition: KindDefinition<Spec, Status>) =>
  definition

/** An object of a kind as the API server returns it: with its defaults. */
export interface ObjectOf<D extends KindDefinition> {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    generation?: number
    creationTimestamp?: string
    deletionTimestamp?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    finalizers?: string[]
    ownerReferences?: OwnerReference[]
  }
  spec: Static<D['spec']>
  status?: Static<D['status']>
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export const resourceOf = (definition: KindDefinition) => ({
  group,
  version,
  kind: definition.kind,
  plural: definition.plural,
  namespaced: true,
})

const ageColumn: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

/**
 * The result of a run must be the result of its spec: once `status.startTime` is set, what changes the result is fixed.
 * One rule a field, so that the refusal names it.
 */
export function immutabilityRules(definition: KindDefinition): Rule[] {
  const mutable = definition.mutableOnceStarted
  if (mutable === undefined) return []
  const required = new Set(definition.spec.required ?? [])
  return Object.keys(definition.spec.properties)
    .filter((field) => !mutable.includes(field))
    .map((field) => {
      const equal = required.has(field)
        ? `self.spec.${field} == oldSelf.spec.${field}`
        : `has(self.spec.${field}) == has(oldSelf.spec.${field}) && (!has(self.spec.${field}) || self.spec.${field} == oldSelf.spec.${field})`
      return {
        rule: `!has(oldSelf.status) || !has(oldSelf.status.startTime) || (${equal})`,
        message: `spec.${field} cannot change once the run has started; create a new ${definition.kind}`,
      }
    })
}

interface StructuralNode {
  type?: string
  default?: unknown
  properties?: Record<string, StructuralNode>
  required?: string[]
}

/** A field with a default is always there for the reader, and never asked of the writer. */
function structural(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(structural)
  if (typeof schema !== 'object' || schema === null) return schema
  const node = schema as StructuralNode
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema))
    copy[key] = key === 'default' ? wholeDefault(node) : structural(value)
  const { properties, required } = node
  if (properties && Array.isArray(required)) {
    const asked = required.filter((name) => properties[name]?.default === undefined)
    if (asked.length) copy.required = asked
    else delete copy.required
  }
  return copy
}

/**
 * The default with the defaults of its fields filled in: the API server checks a default by the CEL rules of its object
 * before it fills them in itself, and refuses the definition when a rule misses one.
 */
function wholeDefault(node: StructuralNode, value: unknown = node.default): unknown {
  if (node.type !== 'object' || typeof value !== 'object' || value === null) return value
  const whole: Record<string, unknown> = { ...value }
  for (const [name, property] of Object.entries(node.properties ?? {})) {
    const given = wholeDefault(property, whole[name] ?? property.default)
    if (given !== undefined) whole[name] = given
  }
  return whole
}

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind. */
export function customResourceDefinition(definition: KindDefinition) {
  const { kind, plural, shortNames, columns, scale } = definition
  const rules = [...(definition.rules ?? []), ...immutabilityRules(definition)]
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['adloom'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale ? { scale } : {}) },
          additionalPrinterColumns: [...columns, ageColumn],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: definition.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structural(definition.spec),
                status: structural(definition.status),
              },
              ...(rules.length ? { 'x-kubernetes-validations': rules } : {}),
            },
          },
        },
      ],
    },
  }
}
