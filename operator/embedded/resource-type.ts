import type { ApiObject } from './json.ts'
import type { Schema } from './schema/schema.ts'

export interface ColumnDefinition {
  name: string
  type: 'integer' | 'number' | 'string' | 'boolean' | 'date'
  format?: string
  description: string
  /** 0 is always shown, larger only in wide output. */
  priority: number
}

export interface Column extends ColumnDefinition {
  cell(object: ApiObject, now: number): unknown
}

/** Where a kind keeps what autoscaling/v1 Scale shows, as paths of field names. */
export interface ScalePaths {
  replicas: string[]
  statusReplicas: string[]
  selector?: string[]
}

/** One kind at one version, as the server serves it. */
export interface ResourceType {
  /** Empty for the core group. */
  group: string
  version: string
  kind: string
  listKind: string
  plural: string
  singular: string
  shortNames: string[]
  categories: string[]
  namespaced: boolean
  /** `group/plural` under which its objects are stored, whatever the version. */
  storage: string
  /** With the parts every object has. */
  schema: Schema
  /** Built-in kinds keep what the schema does not know, take strategic merge patches and unconditional writes. */
  builtin: boolean
  /** `/status` exists, and the main endpoint ignores status. */
  hasStatus: boolean
  scale?: ScalePaths
  /** Whether metadata.generation counts changes of what is wanted. */
  hasGeneration: boolean
  columns: Column[]
  /** Selector name to the path that it reads, besides metadata.name and metadata.namespace. */
  selectableFields: Record<string, string>
  validName: RegExp
  /** Between what is stored and what this version shows; absent where they only differ in apiVersion. */
  convert?: { fromStored(object: ApiObject): ApiObject; toStored(object: ApiObject): ApiObject }
  /** Fills in what only the server knows of a new object, in place. */
  prepare?(object: ApiObject): void
}

export function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === '' ? version : `${group}/${version}`
}

export const dnsLabel = /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
export const dnsSubdomain = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** The object as this version shows it. */
export function viewOf(type: ResourceType, stored: ApiObject): ApiObject {
  if (type.convert) return type.convert.fromStored(stored)
  const apiVersion = apiVersionOf(type)
  return stored.apiVersion === apiVersion ? stored : { ...stored, apiVersion }
}
