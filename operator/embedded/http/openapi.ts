import { createHash } from 'node:crypto'
import type { JsonObject } from '../json.ts'
import { apiVersionOf, type ResourceType } from '../resource-type.ts'
import type { ResourceTypes } from '../resource-types.ts'
import { pathNotFound, StatusError } from '../status-error.ts'
import { subresourcesOf } from './discovery.ts'
import { respond } from './respond.ts'

/**
 * OpenAPI v3, as far as kubectl reads it: the schemas (explain), and the query parameters of the writes, from which it
 * learns that the server validates fields.
 */
export function openApi(path: string, types: ResourceTypes): Response | undefined {
  if (path === '/openapi/v2') {
    // kubectl asks for it in protobuf before it patches and goes on without it.
    throw new StatusError(404, 'NotFound', 'this API server has OpenAPI v3 only')
  }
  if (path === '/openapi/v3') return respond({ paths: indexOf(types) })
  if (!path.startsWith('/openapi/v3/')) return undefined
  const document = documentOf(types, path.slice('/openapi/v3/'.length))
  if (!document) throw pathNotFound()
  return respond(document)
}

function rootOf(type: ResourceType): string {
  return type.group === '' ? `api/${type.version}` : `apis/${type.group}/${type.version}`
}

function indexOf(types: ResourceTypes): JsonObject {
  const roots = [...new Set(types.all().map(rootOf))]
  return Object.fromEntries(
    roots.map((root) => {
      const hash = createHash('sha256')
        .update(JSON.stringify(documentOf(types, root)))
        .digest('hex')
        .slice(0, 32)
      return [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` }]
    }),
  )
}

function documentOf(types: ResourceTypes, root: string): JsonObject | undefined {
  const served = types.all().filter((type) => rootOf(type) === root)
  if (served.length === 0) return undefined
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: Object.assign({}, ...served.map(pathsOf)),
    components: { schemas: Object.fromEntries(served.map((type) => [schemaName(type), schemaOf(type)])) },
  }
}

function schemaName({ group, version, kind }: ResourceType): string {
  return [...(group === '' ? ['core'] : group.split('.').reverse()), version, kind].join('.')
}

function kindOf({ group, version, kind }: ResourceType): JsonObject {
  return { group, kind, version }
}

function schemaOf(type: ResourceType): JsonObject {
  return { ...type.schema, 'x-kubernetes-group-version-kind': [kindOf(type)] }
}

function pathsOf(type: ResourceType): JsonObject {
  const collection = `/${rootOf(type)}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`
  const operations = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, operation(type, name)]))
  const paths: JsonObject = {
    [collection]: operations(['get', 'post', 'delete']),
    [`${collection}/{name}`]: operations(['get', 'put', 'patch', 'delete']),
  }
  for (const { name } of subresourcesOf(type)) {
    paths[`${collection}/{name}/${name}`] = operations(name === 'log' ? ['get'] : ['get', 'put', 'patch'])
  }
  return paths
}

const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation']

function operation(type: ResourceType, method: string): JsonObject {
  const names =
    method === 'get'
      ? []
      : method === 'delete'
        ? ['dryRun']
        : [...writeParameters, ...(method === 'patch' ? ['force'] : [])]
  const reference = { $ref: `#/components/schemas/${schemaName(type)}` }
  return {
    operationId: `${method}${apiVersionOf(type)}${type.kind}`.replace(/\W/g, ''),
    parameters: names.map((name) => ({
      name,
      in: 'query',
      schema: { type: name === 'force' ? 'boolean' : 'string', uniqueItems: true },
    })),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: reference } } } },
    'x-kubernetes-action': method,
    'x-kubernetes-group-version-kind': kindOf(type),
  }
}
