import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deepEqual, isObject } from '../../../operator/embedded/json.ts'
import { jsonPatch } from '../../../operator/embedded/patch/json-patch.ts'
import { mergePatch } from '../../../operator/embedded/patch/merge-patch.ts'
import { strategicMerge } from '../../../operator/embedded/patch/strategic-merge.ts'
import type { Schema } from '../../../operator/embedded/schema/schema.ts'

const json = fc.jsonValue({ maxDepth: 4 })

/** The patch that makes `to` of `from`: RFC 7386 read backwards. Null values of `to` cannot be said. */
function diff(from: unknown, to: unknown): unknown {
  if (!isObject(to)) return to
  const base = isObject(from) ? from : {}
  const removed = Object.keys(base).filter((field) => !Object.hasOwn(to, field))
  return Object.fromEntries([
    ...removed.map((field) => [field, null]),
    ...Object.entries(to)
      .filter(([field, value]) => isObject(value) || !Object.hasOwn(base, field) || !deepEqual(base[field], value))
      .map(([field, value]) => [field, diff(Object.hasOwn(base, field) ? base[field] : undefined, value)]),
  ])
}

function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== null)
      .map(([field, child]) => [field, withoutNulls(child)]),
  )
}

describe('a merge patch', () => {
  it('made of two documents turns one into the other', () => {
    fc.assert(
      fc.property(json, json.map(withoutNulls), (from, to) => {
        expect(mergePatch(from, diff(from, to))).toEqual(to)
      }),
    )
  })

  it('applied twice is applied once, and changes no argument', () => {
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const [targetBefore, patchBefore] = [structuredClone(target), structuredClone(patch)]
        const once = mergePatch(target, patch)
        expect(mergePatch(once, patch)).toEqual(once)
        expect([target, patch]).toEqual([targetBefore, patchBefore])
      }),
    )
  })

  // RFC 7386, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result)
  })

  it('takes __proto__ for a field like any other', () => {
    const patch = JSON.parse('{"__proto__": {"polluted": true}}')
    expect(Object.keys(mergePatch({}, patch) as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('a JSON patch', () => {
  it('does what RFC 6902 says, and leaves the target alone', () => {
    const target = { a: [1, 2], 'x/y': { '~': 1 } }
    const copy = structuredClone(target)
    const result = jsonPatch(target, [
      { op: 'add', path: '/a/1', value: 9 },
      { op: 'copy', from: '/a/0', path: '/b' },
      { op: 'move', from: '/x~1y/~0', path: '/c' },
      { op: 'remove', path: '/x~1y' },
      { op: 'replace', path: '/a/2', value: 3 },
    ])
    expect(result).toEqual({ a: [1, 9, 3], b: 1, c: 1 })
    expect(target).toEqual(copy)
  })

  it.each([
    [{ op: 'remove', path: '/a/2' }, 'outside the list'],
    [{ op: 'add', path: '/a/01', value: 1 }, 'outside the list'],
    [{ op: 'add', path: '/b/c', value: 1 }, 'does not exist'],
    [{ op: 'test', path: '/a/0', value: 2 }, 'failed'],
    [{ op: 'dance', path: '/a' }, 'unknown JSON patch operation'],
    [{ op: 'add', path: 'a', value: 1 }, 'not a JSON pointer'],
    [{ op: 'remove', path: '/constructor' }, 'does not exist'],
  ])('refuses %j', (operation, why) => {
    expect(() => jsonPatch({ a: [1, 2] }, [operation])).toThrow(why)
  })
})

describe('a strategic merge patch', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      items: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: { type: 'object' },
      },
      words: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    },
  }
  const target = { items: [{ name: 'a', x: 1 }, { name: 'b' }], words: ['p'], plain: [1], map: { k: 'v' } }

  it.each([
    [
      { items: [{ name: 'b', y: 2 }] },
      {
        items: [
          { name: 'a', x: 1 },
          { name: 'b', y: 2 },
        ],
      },
    ],
    [{ items: [{ name: 'c' }] }, { items: [{ name: 'a', x: 1 }, { name: 'b' }, { name: 'c' }] }],
    [{ items: [{ name: 'a', $patch: 'delete' }] }, { items: [{ name: 'b' }] }],
    [{ items: [{ $patch: 'replace' }, { name: 'z' }] }, { items: [{ name: 'z' }] }],
    [{ '$setElementOrder/items': [{ name: 'b' }, { name: 'a' }] }, { items: [{ name: 'b' }, { name: 'a', x: 1 }] }],
    [{ words: ['q'] }, { words: ['p', 'q'] }],
    [{ '$deleteFromPrimitiveList/words': ['p'] }, { words: [] }],
    [{ plain: [2] }, { plain: [2] }],
    [{ map: { $patch: 'replace', n: 'm' } }, { map: { n: 'm' } }],
    [{ map: { $patch: 'delete' } }, { map: undefined }],
    [{ map: null }, { map: undefined }],
  ])('%j', (patch, change) => {
    expect(strategicMerge(target, patch, schema)).toEqual({ ...target, ...change })
  })

  it('refuses a directive that it does not know', () => {
    expect(() => strategicMerge(target, { $dance: true }, schema)).toThrow('directive $dance is not supported')
  })
})
