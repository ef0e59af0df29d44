import { describe, expect, it } from 'vitest'
import { customResourceDefinition, type PrinterColumn } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'

interface Schema {
  type?: string
  format?: string
  properties?: Record<string, Schema>
  items?: Schema
}

/** Steps of a path of ours: `.field`, and `[?(@.key=="value")]` for the entries of a list. */
const step = /\.(?<field>\w+)|\[\?\(@\.(?<key>\w+)=="\w+"\)\]/y

/**
 * The schema of what a JSONPath leads to. An API server takes any path and leaves the cell empty where it leads nowhere.
 *
 * @throws Error at the first step that the schema does not know.
 */
function schemaAt(root: Schema, path: string): Schema {
  let schema = root
  for (step.lastIndex = 0; step.lastIndex < path.length; ) {
    const at = step.lastIndex
    const groups = step.exec(path)?.groups
    if (!groups) throw new Error(`${path}: cannot read the step at ${at}`)
    const { field, key } = groups
    const next = field === undefined ? schema.items : schema.properties?.[field]
    if (!next || (key !== undefined && !next.properties?.[key]))
      throw new Error(`${path}: nothing at ${path.slice(at)}`)
    schema = next
  }
  return schema
}

const typeOf = ({ type, format }: Schema): PrinterColumn['type'] =>
  format === 'date-time' ? 'date' : (type as PrinterColumn['type'])

describe.each(kinds.map((kind) => ({ ...kind, definition: customResourceDefinition(kind) })))(
  '$kind',
  ({ definition, columns }) => {
    const [version] = definition.spec.versions
    const schema = version?.schema.openAPIV3Schema as Schema

    it.each(columns)('shows under $name what its schema has, by its type', ({ jsonPath, type }) => {
      expect(typeOf(schemaAt(schema, jsonPath))).toBe(type)
    })

    it('has one column of a name, and its age as the last', () => {
      const all = version?.additionalPrinterColumns ?? []
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
      expect(all.at(-1)).toMatchObject({ name: 'Age', jsonPath: '.metadata.creationTimestamp' })
    })
  },
)

it.each(kinds.filter(({ scale }) => scale))('$kind is scaled by fields that its schema has', (kind) => {
  const schema = customResourceDefinition(kind).spec.versions[0]?.schema.openAPIV3Schema as Schema
  const paths = [kind.scale?.specReplicasPath, kind.scale?.statusReplicasPath, kind.scale?.labelSelectorPath]
  expect(paths.map((path) => schemaAt(schema, path ?? '').type)).toEqual(['integer', 'integer', 'string'])
})

it.each(['.status.state.no', '.status.no', '.status.conditions[?(@.no=="Ready")].message', '.status.conditions[0]'])(
  'a path that leads nowhere is found: %s',
  (path) => {
    const [kind] = kinds
    const schema = kind && customResourceDefinition(kind).spec.versions[0]?.schema.openAPIV3Schema
    expect(() => schemaAt(schema as Schema, path)).toThrow(path)
  },
)
