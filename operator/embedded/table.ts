import { ageOf } from './human-duration.ts'
import type { ApiObject, JsonObject } from './json.ts'
import { compileJsonPath } from './json-path.ts'
import type { Column, ColumnDefinition, ResourceType } from './resource-type.ts'

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
}

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'When the object was created.',
  priority: 0,
  cell: (object, now) => ageOf(object.metadata.creationTimestamp, now),
}

/** A column whose cell is the first value that a JSONPath finds; a date is shown as how long ago it was. */
export function pathColumn(definition: ColumnDefinition, path: string): Column {
  const read = compileJsonPath(path)
  return {
    ...definition,
    cell(object, now) {
      const value = read(object)[0]
      return value === undefined || value === null ? null : cellOf(definition.type, value, now)
    },
  }
}

function cellOf(type: ColumnDefinition['type'], value: unknown, now: number): unknown {
  switch (type) {
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value)
    case 'integer':
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
  }
}

export interface TableOptions {
  now: number
  /** What each row carries of its object. */
  include: 'None' | 'Metadata' | 'Object'
  /** False for watch events after the first. */
  headers: boolean
}

/** meta.k8s.io/v1 Table of some objects. */
export function tableOf(
  type: ResourceType,
  objects: readonly ApiObject[],
  listMetadata: JsonObject,
  options: TableOptions,
): JsonObject {
  const definitions = type.columns.map(({ name, type: cellType, format, description, priority }) => ({
    name,
    type: cellType,
    format: format ?? '',
    description,
    priority,
  }))
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: options.headers ? definitions : [],
    rows: objects.map((object) => ({
      cells: type.columns.map((column) => column.cell(object, options.now)),
      ...(options.include !== 'None' && {
        object: options.include === 'Object' ? object : partialMetadata(object),
      }),
    })),
  }
}

export function partialMetadata(object: ApiObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
}
