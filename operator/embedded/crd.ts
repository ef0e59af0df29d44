import { type Clock, timestamp } from '../cluster/clock.ts'
import { type ApiObject, asArray, asObject, asString, isObject, type JsonObject } from './json.ts'
import { type Column, dnsSubdomain, type ResourceType, type ScalePaths } from './resource-type.ts'
import { withObjectParts } from './schema/object-meta.ts'
import { anything, type Schema, walkSchema } from './schema/schema.ts'
import type { FieldError } from './status-error.ts'
import { ageColumn, nameColumn, pathColumn } from './table.ts'

export const crdStorage = 'apiextensions.k8s.io/customresourcedefinitions'

/** A deleted CRD keeps this until its last object is gone. */
export const crdFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

interface Names {
  plural: string
  singular: string
  kind: string
  listKind: string
  shortNames: string[]
  categories: string[]
}

function namesOf(spec: JsonObject): Names {
  const names = asObject(spec.names)
  const kind = asString(names.kind)
  return {
    plural: asString(names.plural),
    singular: asString(names.singular) || kind.toLowerCase(),
    kind,
    listKind: asString(names.listKind) || `${kind}List`,
    shortNames: asArray(names.shortNames).map(asString),
    categories: asArray(names.categories).map(asString),
  }
}

/** The kinds that a CRD serves, one for each version. A CRD under deletion still serves what it has. */
export function typesOfCrd(crd: ApiObject): ResourceType[] {
  const spec = asObject(crd.spec)
  const names = namesOf(spec)
  const group = asString(spec.group)
  return versionsOf(crd)
    .filter((version) => version.served === true)
    .map((version) => {
      const subresources = asObject(version.subresources)
      const scale = isObject(subresources.scale) ? scalePaths(subresources.scale) : undefined
      return {
        ...names,
        group,
        version: asString(version.name),
        namespaced: spec.scope === 'Namespaced',
        storage: `${group}/${names.plural}`,
        schema: withObjectParts(schemaOf(version)),
        builtin: false,
        hasStatus: isObject(subresources.status),
        ...(scale && { scale }),
        hasGeneration: true,
        columns: columnsOf(version),
        selectableFields: selectableFields(version),
        validName: dnsSubdomain,
      }
    })
}

function versionsOf(crd: ApiObject): JsonObject[] {
  return asArray(asObject(crd.spec).versions).filter(isObject)
}

function schemaOf(version: JsonObject): Schema {
  const schema = asObject(version.schema).openAPIV3Schema
  return isObject(schema) ? (schema as Schema) : anything
}

function dotted(path: unknown): string[] {
  return asString(path).split('.').filter(Boolean)
}

function scalePaths(scale: JsonObject): ScalePaths {
  return {
    replicas: dotted(scale.specReplicasPath),
    statusReplicas: dotted(scale.statusReplicasPath),
    ...(scale.labelSelectorPath !== undefined && { selector: dotted(scale.labelSelectorPath) }),
  }
}

function columnsOf(version: JsonObject): Column[] {
  const columns = asArray(version.additionalPrinterColumns).filter(isObject)
  if (columns.length === 0) return [nameColumn, ageColumn]
  return [
    nameColumn,
    ...columns.map((column) =>
      pathColumn(
        {
          name: asString(column.name),
          type: asString(column.type) as Column['type'],
          ...(typeof column.format === 'string' && { format: column.format }),
          description:
            asString(column.description) || `Custom resource definition column: ${asString(column.jsonPath)}`,
          priority: Number(column.priority ?? 0),
        },
        asString(column.jsonPath),
      ),
    ),
  ]
}

function selectableFields(version: JsonObject): Record<string, string> {
  const paths = asArray(version.selectableFields).map((entry) => dotted(asObject(entry).jsonPath).join('.'))
  return Object.fromEntries(paths.map((path) => [path, path]))
}

/** What this server could not serve, in the words of the API. */
export function crdErrors(crd: ApiObject): FieldError[] {
  const errors: FieldError[] = []
  const spec = asObject(crd.spec)
  const names = namesOf(spec)
  const group = asString(spec.group)
  const required = (field: string, value: string) => {
    if (value === '') errors.push({ reason: 'FieldValueRequired', field, message: 'Required value' })
  }
  required('spec.group', group)
  required('spec.names.plural', names.plural)
  required('spec.names.kind', names.kind)
  const wanted = `${names.plural}.${group}`
  if (crd.metadata.name !== wanted) {
    const message = `Invalid value: "${crd.metadata.name}": must be spec.names.plural+"."+spec.group`
    errors.push({ reason: 'FieldValueInvalid', field: 'metadata.name', message })
  }
  if (spec.scope !== 'Namespaced' && spec.scope !== 'Cluster') {
    const message = `Unsupported value: ${JSON.stringify(spec.scope ?? '')}: supported values: "Cluster", "Namespaced"`
    errors.push({ reason: 'FieldValueNotSupported', field: 'spec.scope', message })
  }
  if (versionsOf(crd).filter((version) => version.storage === true).length !== 1) {
    const message = 'Invalid value: null: must have exactly one version marked as storage version'
    errors.push({ reason: 'FieldValueInvalid', field: 'spec.versions', message })
  }
  for (const [index, version] of versionsOf(crd).entries())
    errors.push(...versionErrors(version, `spec.versions[${index}]`))
  return errors
}

function versionErrors(version: JsonObject, path: string): FieldError[] {
  if (!isObject(asObject(version.schema).openAPIV3Schema)) {
    return [
      {
        reason: 'FieldValueRequired',
        field: `${path}.schema.openAPIV3Schema`,
        message: 'Required value: schemas are required',
      },
    ]
  }
  try {
    columnsOf(version)
    walkSchema(schemaOf(version), ({ pattern }) => new RegExp(pattern ?? '', 'u'))
    return []
  } catch (error) {
    const message = `Invalid value: ${error instanceof Error ? error.message : String(error)}`
    return [{ reason: 'FieldValueInvalid', field: path, message }]
  }
}

/** True when the CRD carries CEL rules, which this server does not evaluate. */
export function hasRules(crd: ApiObject): boolean {
  let found = false
  for (const version of versionsOf(crd)) {
    walkSchema(schemaOf(version), (schema) => {
      found ||= (schema['x-kubernetes-validations'] ?? []).length > 0
    })
  }
  return found
}

/** A stored CRD is served at once, so it says so from the start. In place. */
export function establish(crd: ApiObject, clock: Clock): void {
  const names = namesOf(asObject(crd.spec))
  const spec = asObject(crd.spec)
  crd.spec = { conversion: { strategy: 'None' }, ...spec, names: { ...asObject(spec.names), ...namesToKeep(names) } }
  const storage = versionsOf(crd).find((version) => version.storage === true)
  const old = asObject(crd.status)
  const stored = new Set([...asArray(old.storedVersions).map(asString), asString(storage?.name)])
  const lastTransitionTime = timestamp(clock.now())
  crd.status = {
    conditions: old.conditions ?? [
      {
        type: 'NamesAccepted',
        status: 'True',
        lastTransitionTime,
        reason: 'NoConflicts',
        message: 'no conflicts found',
      },
      {
        type: 'Established',
        status: 'True',
        lastTransitionTime,
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      },
    ],
    acceptedNames: namesToKeep(names),
    storedVersions: [...stored],
  }
}

function namesToKeep({ shortNames, categories, ...names }: Names): JsonObject {
  return { ...names, ...(shortNames.length > 0 && { shortNames }), ...(categories.length > 0 && { categories }) }
}
