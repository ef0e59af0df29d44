import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyList } from '../../../operator/cluster/informer-changes.ts'
import { ObjectStore } from '../../../operator/cluster/object-store.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'

interface Tagged extends KubernetesObject {
  tags: string[]
}

function tagged(name: string, tags: string[], resourceVersion = '1', uid = `uid-${name}`): Tagged {
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'team', uid, resourceVersion }, tags }
}

const thing = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  tags: fc.uniqueArray(fc.constantFrom('red', 'blue'), { maxLength: 2 }),
  resourceVersion: fc.integer({ min: 1, max: 3 }).map(String),
  uid: fc.constantFrom('u1', 'u2'),
})
const things = fc
  .uniqueArray(thing, { selector: ({ name }) => name })
  .map((all) => all.map((one) => tagged(one.name, one.tags, one.resourceVersion, one.uid)))

describe('an object store', () => {
  it('finds by index what a scan finds, after any changes', () => {
    const change = fc.record({ object: thing, remove: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const store = new ObjectStore<Tagged>({ tag: (object) => object.tags })
        for (const { object, remove } of changes) {
          if (remove) store.remove(`team/${object.name}`)
          else store.put(tagged(object.name, object.tags, object.resourceVersion))
        }
        for (const tag of ['red', 'blue']) {
          const scanned = store.all('team').filter((object) => object.tags.includes(tag))
          expect(new Set(store.byIndex('tag', tag))).toEqual(new Set(scanned))
        }
      }),
    )
  })

  it('tells of a list exactly what leads from the old content to the new', () => {
    fc.assert(
      fc.property(things, things, (before, after) => {
        const store = new ObjectStore<Tagged>()
        applyList(store, before)
        const replayed = new Map(before.map((object) => [object.metadata.name, object]))
        for (const change of applyList(store, after)) {
          const { name } = change.object.metadata
          if (change.type === 'added') expect(replayed.has(name)).toBe(false)
          else expect(replayed.get(name)?.metadata.uid).toBe(change.object.metadata.uid)
          if (change.type === 'deleted') replayed.delete(name)
          else replayed.set(name, change.object)
        }
        const versions = (all: Iterable<Tagged>) =>
          [...all].map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`).sort()
        expect(versions(replayed.values())).toEqual(versions(after))
        expect(versions(store.all())).toEqual(versions(after))
      }),
    )
  })

  it('keeps namespaces apart', () => {
    const store = new ObjectStore<Tagged>()
    const other = tagged('a', [])
    store.put({ ...other, metadata: { ...other.metadata, namespace: 'other' } })
    store.put(tagged('a', []))
    expect([store.size, store.all('team').length, store.get({ namespace: 'x', name: 'a' })]).toEqual([2, 1, undefined])
  })
})
