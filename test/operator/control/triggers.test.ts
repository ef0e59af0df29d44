import { describe, expect, it } from 'vitest'
import type { Informer, InformerHandler } from '../../../operator/cluster/informer.ts'
import type { KubernetesObject, ObjectMeta, Resource } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP, DEPLOYMENT, POD } from '../../../operator/cluster/resources.ts'
import { mapped, owned, primary, wishChanged } from '../../../operator/control/triggers.ts'

function object(metadata: Partial<ObjectMeta>): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'team', ...metadata } }
}

function ownedBy(kind: string, apiVersion: string, name: string, controller = true): Partial<ObjectMeta> {
  return { ownerReferences: [{ kind, apiVersion, name, uid: `uid-${name}`, controller }] }
}

/** An informer of which only the handler matters. */
function handlerHolder(resource: Resource) {
  const held: { handler?: InformerHandler<KubernetesObject> } = {}
  const informer = {
    resource,
    addHandler(handler: InformerHandler<KubernetesObject>) {
      held.handler = handler
      return () => delete held.handler
    },
  }
  return { held, informer: informer as unknown as Informer<KubernetesObject> }
}

describe('a change of the wish', () => {
  it.each<[string, Partial<ObjectMeta>, Partial<ObjectMeta>, boolean]>([
    ['generation', { generation: 1 }, { generation: 2 }, true],
    ['annotation', { annotations: { a: '1' } }, { annotations: { a: '2' } }, true],
    ['annotation taken away', { annotations: { a: '1' } }, {}, true],
    ['label', {}, { labels: { a: '1' } }, true],
    ['deletion', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }, true],
    ['finalizer', { finalizers: ['x'] }, { finalizers: [] }, true],
    ['status or managed fields alone', { resourceVersion: '1' }, { resourceVersion: '2' }, false],
  ])('%s', (_, before, after, expected) => {
    expect(wishChanged(object(before), object(after))).toBe(expected)
  })
})

describe('a trigger on owned objects', () => {
  it('names the owner that is controller and of the kind, whatever its version', () => {
    const { held, informer } = handlerHolder(POD)
    const keys: string[] = []
    owned(informer, DEPLOYMENT).connect((key) => keys.push(key))
    held.handler?.added?.(object(ownedBy('Deployment', 'apps/v1beta1', 'd')))
    held.handler?.added?.(object(ownedBy('Deployment', 'other.dev/v1', 'd')))
    held.handler?.added?.(object(ownedBy('ReplicaSet', 'apps/v1', 'r')))
    held.handler?.added?.(object(ownedBy('Deployment', 'apps/v1', 'd', false)))
    held.handler?.deleted?.(object(ownedBy('Deployment', 'apps/v1', 'e')))
    expect(keys).toEqual(['team/d', 'team/e'])
  })

  it('names the old owner too when the owner changed, and nobody when disconnected', () => {
    const { held, informer } = handlerHolder(POD)
    const keys: string[] = []
    const disconnect = owned(informer, DEPLOYMENT).connect((key) => keys.push(key))
    const before = object(ownedBy('Deployment', 'apps/v1', 'old'))
    held.handler?.updated?.(before, object(ownedBy('Deployment', 'apps/v1', 'new')))
    expect(keys).toEqual(['team/old', 'team/new'])
    disconnect()
    expect(held.handler).toBeUndefined()
  })
})

describe('a mapped trigger', () => {
  it('heeds its predicate for updates, and no resync: its controller has one of its own objects', () => {
    const { held, informer } = handlerHolder(CONFIG_MAP)
    const keys: string[] = []
    const trigger = mapped(
      informer,
      () => [{ name: 'x' }],
      (before, after) => before.metadata.labels !== after.metadata.labels,
    )
    trigger.connect((key) => keys.push(key))
    const same = object({})
    held.handler?.updated?.(same, same)
    expect(keys).toEqual([])
    held.handler?.resynced?.(same)
    expect(keys).toEqual([])
  })
})

it('a primary trigger has each object looked at again at a resync', () => {
  const { held, informer } = handlerHolder(POD)
  const keys: string[] = []
  primary(informer).connect((key) => keys.push(key))
  held.handler?.resynced?.(object({}))
  expect(keys).toEqual(['team/p'])
})
