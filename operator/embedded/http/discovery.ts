import type { JsonObject } from '../json.ts'
import { apiVersionOf, type ResourceType } from '../resource-type.ts'
import type { ResourceTypes } from '../resource-types.ts'
import { pathNotFound } from '../status-error.ts'
import { respond } from './respond.ts'

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch']

interface Subresource {
  name: string
  group: string
  version: string
  kind: string
  verbs: string[]
}

export function subresourcesOf(type: ResourceType): Subresource[] {
  const { group, version, kind } = type
  const write = ['get', 'patch', 'update']
  return [
    ...(type.hasStatus ? [{ name: 'status', group, version, kind, verbs: write }] : []),
    ...(type.scale ? [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: write }] : []),
    ...(type.kind === 'Pod' && type.builtin ? [{ name: 'log', group, version, kind, verbs: ['get'] }] : []),
  ]
}

/** Answers /api, /apis and what lies directly below them; undefined for any other path. */
export function discovery(request: Request, path: string, types: ResourceTypes): Response | undefined {
  const segments = path.split('/').filter(Boolean)
  const [root, ...rest] = segments
  if (root === 'api') {
    if (rest.length === 0) return aggregated(request, types, true) ?? respond(coreVersions)
    if (rest.length === 1) return respond(resourceList(types, '', rest[0] ?? ''))
  }
  if (root !== 'apis' || rest.length > 2) return undefined
  const [group, version] = rest
  if (group === undefined) return aggregated(request, types, false) ?? respond(groupList(types))
  return respond(
    version === undefined
      ? { ...groupOf(types, group), kind: 'APIGroup', apiVersion: 'v1' }
      : resourceList(types, group, version),
  )
}

const coreVersions = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }

function aggregated(request: Request, types: ResourceTypes, core: boolean): Response | undefined {
  const accept = request.headers.get('accept') ?? ''
  const version = ['v2', 'v2beta1'].find((candidate) =>
    accept.includes(`g=apidiscovery.k8s.io;v=${candidate};as=APIGroupDiscoveryList`),
  )
  if (version === undefined) return undefined
  const items = groupNames(types)
    .filter((group) => (group === '') === core)
    .map((group) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versionsOf(types, group).map((served) => ({
        version: served,
        resources: typesAt(types, group, served).map(aggregatedResource),
        freshness: 'Current',
      })),
    }))
  const list = { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items }
  const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
  return respond(list, { contentType })
}

function aggregatedResource(type: ResourceType): JsonObject {
  const { group, version, kind } = type
  const subresources = subresourcesOf(type).map(({ name, verbs: allowed, ...responseKind }) => ({
    subresource: name,
    responseKind,
    verbs: allowed,
  }))
  return {
    resource: type.plural,
    responseKind: { group, version, kind },
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs,
    ...(type.shortNames.length > 0 && { shortNames: type.shortNames }),
    ...(type.categories.length > 0 && { categories: type.categories }),
    ...(subresources.length > 0 && { subresources }),
  }
}

function groupNames(types: ResourceTypes): string[] {
  return [...new Set(types.all().map(({ group }) => group))]
}

function versionsOf(types: ResourceTypes, group: string): string[] {
  const versions = types
    .all()
    .filter((type) => type.group === group)
    .map(({ version }) => version)
  return [...new Set(versions)]
}

function typesAt(types: ResourceTypes, group: string, version: string): ResourceType[] {
  return types.all().filter((type) => type.group === group && type.version === version)
}

function groupOf(types: ResourceTypes, group: string): JsonObject {
  const versions = versionsOf(types, group).map((version) => ({
    groupVersion: apiVersionOf({ group, version }),
    version,
  }))
  if (group === '' || versions.length === 0) throw pathNotFound()
  return { name: group, versions, preferredVersion: versions[0] }
}

function groupList(types: ResourceTypes): JsonObject {
  const groups = groupNames(types).filter((group) => group !== '')
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((group) => groupOf(types, group)) }
}

function resourceList(types: ResourceTypes, group: string, version: string): JsonObject {
  const found = typesAt(types, group, version)
  if (found.length === 0) throw pathNotFound()
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: found.flatMap((type) => [
      resourceEntry(type),
      ...subresourcesOf(type).map((subresource) => subresourceEntry(type, subresource)),
    ]),
  }
}

function resourceEntry(type: ResourceType): JsonObject {
  return {
    name: type.plural,
    singularName: type.singular,
    namespaced: type.namespaced,
    kind: type.kind,
    verbs,
    ...(type.shortNames.length > 0 && { shortNames: type.shortNames }),
    ...(type.categories.length > 0 && { categories: type.categories }),
  }
}

function subresourceEntry(type: ResourceType, { name, group, version, kind, verbs: allowed }: Subresource): JsonObject {
  return {
    name: `${type.plural}/${name}`,
    singularName: '',
    namespaced: type.namespaced,
    ...(group !== type.group && { group, version }),
    kind,
    verbs: allowed,
  }
}
