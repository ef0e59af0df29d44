import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply } from '../../../operator/embedded/apply/apply.ts'
import { FieldSet } from '../../../operator/embedded/apply/field-set.ts'
import type { ManagedEntry, Manager } from '../../../operator/embedded/apply/managed-fields.ts'
import { compare, fieldSetOf, merge } from '../../../operator/embedded/apply/typed.ts'
import { deepEqual } from '../../../operator/embedded/json.ts'
import type { Schema } from '../../../operator/embedded/schema/schema.ts'

const schema: Schema = {
  type: 'object',
  properties: {
    one: { type: 'string' },
    two: { type: 'integer' },
    struct: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    atomic: { type: 'array', items: { type: 'string' } },
    items: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } },
    },
  },
}

const word = fc.constantFrom('p', 'q', 'r')
const item = fc.record({ name: word, value: word }, { requiredKeys: ['name'] })
const config = fc.record(
  {
    one: word,
    two: fc.integer({ min: 0, max: 3 }),
    struct: fc.record({ a: word, b: word }, { requiredKeys: [] }),
    map: fc.dictionary(word, word),
    set: fc.uniqueArray(word),
    atomic: fc.array(word, { maxLength: 3 }),
    items: fc.uniqueArray(item, { selector: ({ name }) => name }),
  },
  { requiredKeys: [] },
)

const manager = (name: string): Manager => ({ name, operation: 'Apply', apiVersion: 'v1', subresource: '' })

interface State {
  object: unknown
  entries: ManagedEntry[]
}

function applied(state: State, name: string, config: unknown, now = 't'): State {
  return apply({
    live: state.object,
    applied: config,
    entries: state.entries,
    manager: manager(name),
    force: true,
    schema,
    now,
  })
}

const empty: State = { object: {}, entries: [] }
const steps = fc.array(fc.tuple(fc.constantFrom('alice', 'bob'), config), { maxLength: 6 })
const run = (all: [string, unknown][]) => all.reduce((state, [name, intent]) => applied(state, name, intent), empty)

/** An independent reading of a path set: every leaf of a value, as text. */
function leaves(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    if (path === '/atomic') return [path]
    return value.flatMap((child) =>
      typeof child === 'object' ? leaves(child, `${path}[${(child as { name: string }).name}]`) : [`${path}=${child}`],
    )
  }
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([field, child]) => leaves(child, `${path}/${field}`))
}

describe('server-side apply', () => {
  it('with one manager gives back exactly the last configuration', () => {
    fc.assert(
      fc.property(fc.array(config, { minLength: 1, maxLength: 5 }), (configs) => {
        const state = run(configs.map((intent) => ['alice', intent]))
        expect(new Set(leaves(state.object))).toEqual(new Set(leaves(configs.at(-1))))
      }),
    )
  })

  it('repeated changes nothing, times included', () => {
    // The API itself needs a second apply to bring an empty list where there were items: see the contract.
    const settled = config.filter(({ set, items }) => set?.length !== 0 && items?.length !== 0)
    fc.assert(
      fc.property(steps, settled, (all, intent) => {
        const once = applied(run(all), 'alice', intent, 't1')
        const twice = applied(once, 'alice', intent, 't2')
        expect(twice.object).toEqual(once.object)
        const times = ({ entries }: State) => entries.map(({ name, time }) => [name, time]).sort()
        expect(times(twice)).toEqual(times(once))
      }),
    )
  })

  it('forced always ends with the applied values in place, and nobody owns what is not there', () => {
    fc.assert(
      fc.property(steps, config, (all, intent) => {
        const { object, entries } = applied(run(all), 'alice', intent)
        const present = new Set(leaves(object))
        for (const leaf of leaves(intent)) expect(present).toContain(leaf)
        const there = fieldSetOf(object, schema)
        for (const entry of entries) expect(entry.fields.difference(there).difference(containers).paths()).toEqual([])
      }),
    )
  })

  it('unforced refuses exactly when a field that another owns would change', () => {
    fc.assert(
      fc.property(steps, config, (all, intent) => {
        const before = run(all)
        const attempt = () =>
          apply({
            live: before.object,
            applied: intent,
            entries: before.entries,
            manager: manager('carol'),
            force: false,
            schema,
            now: 't',
          })
        const { modified } = compare(before.object, merge(before.object, intent, schema), schema)
        const owned = before.entries.reduce((set, entry) => set.union(entry.fields), new FieldSet())
        if (modified.intersection(owned).isEmpty()) expect(attempt).not.toThrow()
        else expect(attempt).toThrow(/^Apply failed with \d+ conflicts?: /)
      }),
    )
  })

  it('leaves what another manager applies when one gives everything up', () => {
    fc.assert(
      fc.property(config, config, (hers, his) => {
        const both = run([
          ['alice', hers],
          ['bob', his],
          ['alice', {}],
        ])
        expect(new Set(leaves(both.object))).toEqual(new Set(leaves(his)))
      }),
    )
  })
})

/** Paths of containers, which may be owned while they are empty. */
const containers = FieldSet.parse({ 'f:struct': {}, 'f:map': {} })

describe('field sets', () => {
  it('survive FieldsV1', () => {
    fc.assert(
      fc.property(config, (value) => {
        const set = fieldSetOf(value, schema)
        expect(FieldSet.parse(JSON.parse(JSON.stringify(set.format()))).format()).toEqual(set.format())
      }),
    )
  })

  it('obey set algebra', () => {
    fc.assert(
      fc.property(config, config, (left, right) => {
        const [a, b] = [fieldSetOf(left, schema), fieldSetOf(right, schema)]
        const text = (set: FieldSet) =>
          set
            .paths()
            .map((path) => path.join(' '))
            .sort()
        expect(text(a.union(b))).toEqual([...new Set([...text(a), ...text(b)])].sort())
        expect(text(a.intersection(b))).toEqual(text(a).filter((path) => text(b).includes(path)))
        expect(text(a.difference(b))).toEqual(text(a).filter((path) => !text(b).includes(path)))
      }),
    )
  })

  it('tell nothing apart that is equal', () => {
    fc.assert(
      fc.property(config, config, (left, right) => {
        const { added, modified, removed } = compare(left, right, schema)
        const same = added.isEmpty() && modified.isEmpty() && removed.isEmpty()
        if (deepEqual(left, right)) expect(same).toBe(true)
      }),
    )
  })
})
