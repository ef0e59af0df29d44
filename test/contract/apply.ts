import { describe, expect, it } from 'vitest'
import type { Contract } from './api.ts'
import { widget } from './widget.ts'

type Entry = { manager: string; operation: string; subresource?: string; fieldsV1: unknown }

function entry(body: { metadata: { managedFields: Entry[] } }, manager: string): Entry | undefined {
  return body.metadata.managedFields.find((candidate) => candidate.manager === manager)
}

export function applyContract(contract: Contract): void {
  const { widgets } = contract
  const bare = (name: string, spec: object = {}, rest: object = {}) => ({ ...widget(name), spec, ...rest })

  describe('server-side apply', () => {
    it('creates with 201, records what it owns, and changes nothing when repeated', async () => {
      const name = contract.name()
      const config = widget(name, { parts: [{ name: 'a' }], labels: { x: 'y' } })
      const first = await contract.api.apply(widgets(name), 'alice', config)
      expect(first.code).toBe(201)
      expect(first.body.metadata.managedFields).toEqual([
        {
          manager: 'alice',
          operation: 'Apply',
          apiVersion: 'test.adloom.dev/v1',
          time: expect.any(String),
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:spec': {
              'f:size': {},
              'f:parts': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } },
              'f:labels': { 'f:x': {} },
            },
          },
        },
      ])
      const second = await contract.api.apply(widgets(name), 'alice', config)
      expect([second.code, second.body]).toEqual([200, first.body])
    })

    it('takes YAML', async () => {
      const name = contract.name()
      const yaml = `apiVersion: test.adloom.dev/v1\nkind: Widget\nmetadata:\n  name: ${name}\nspec:\n  size: 3\n`
      expect((await contract.api.apply(widgets(name), 'alice', yaml)).body.spec.size).toBe(3)
    })

    it('removes what its manager no longer applies, unless another owns it', async () => {
      const name = contract.name()
      await contract.api.apply(widgets(name), 'alice', widget(name, { labels: { a: '1', b: '2' }, order: ['x'] }))
      await contract.api.apply(widgets(name), 'bob', bare(name, { labels: { b: '2' } }))
      const { body } = await contract.api.apply(widgets(name), 'alice', widget(name))
      expect(body.spec).toEqual({ size: 1, mode: 'Fast', labels: { b: '2' } })
      const { body: last } = await contract.api.apply(widgets(name), 'bob', bare(name, {}))
      expect(last.spec.labels).toBeUndefined()
    })

    it('refuses another manager’s field with a cause, takes it when forced, and shares an equal value', async () => {
      const name = contract.name()
      await contract.api.apply(widgets(name), 'alice', widget(name, { size: 2, mode: 'Careful' }))
      const equal = await contract.api.apply(widgets(name), 'bob', bare(name, { size: 2 }))
      expect(equal.code).toBe(200)
      const { body } = await contract.api.apply(widgets(name), 'carol', bare(name, { mode: 'Fast' }))
      expect(body).toMatchObject({ code: 409, reason: 'Conflict' })
      expect(body.message).toBe('Apply failed with 1 conflict: conflict with "alice": .spec.mode')
      expect(body.details.causes).toEqual([
        { reason: 'FieldManagerConflict', message: 'conflict with "alice"', field: '.spec.mode' },
      ])
      const forced = await contract.api.apply(widgets(name), 'carol', bare(name, { mode: 'Fast' }), { force: true })
      expect(forced.body.spec.mode).toBe('Fast')
      expect(entry(forced.body, 'alice')?.fieldsV1).toEqual({ 'f:spec': { 'f:size': {} } })
      expect(entry(forced.body, 'carol')?.fieldsV1).toEqual({ 'f:spec': { 'f:mode': {} } })
    })

    it('names every conflict', async () => {
      const name = contract.name()
      await contract.api.apply(widgets(name), 'alice', widget(name, { size: 2, parts: [{ name: 'a', count: 2 }] }))
      const { body } = await contract.api.apply(
        widgets(name),
        'bob',
        bare(name, { size: 3, parts: [{ name: 'a', count: 3 }] }),
      )
      expect(body.message).toBe(
        'Apply failed with 2 conflicts: conflicts with "alice":\n- .spec.size\n- .spec.parts[name="a"].count',
      )
    })

    it('merges keyed lists and sets item by item, and takes other lists and atomic maps as one', async () => {
      const name = contract.name()
      await contract.api.apply(
        widgets(name),
        'alice',
        widget(name, { parts: [{ name: 'a', count: 2 }], tags: ['x'], whole: { a: '1' } }),
      )
      const { body } = await contract.api.apply(
        widgets(name),
        'bob',
        bare(name, { parts: [{ name: 'b' }], tags: ['y'] }),
      )
      expect(body.spec.parts.map((part: { name: string }) => part.name)).toEqual(['a', 'b'])
      expect(body.spec.tags).toEqual(['x', 'y'])
      const atomic = await contract.api.apply(widgets(name), 'bob', bare(name, { whole: { b: '2' } }))
      expect(atomic.body.message).toBe('Apply failed with 1 conflict: conflict with "alice": .spec.whole')
      const { body: left } = await contract.api.apply(widgets(name), 'alice', widget(name))
      expect(left.spec.parts).toEqual([{ name: 'b', count: 1 }])
      expect(left.spec.tags).toEqual(['y'])
      expect(left.spec.whole).toBeUndefined()
    })

    it('conflicts with a field that an update wrote', async () => {
      const name = contract.name()
      await contract.api.apply(widgets(name), 'alice', widget(name))
      await contract.api.mergePatch(`${widgets(name)}?fieldManager=bob`, { spec: { size: 4 } })
      const { body } = await contract.api.apply(widgets(name), 'alice', widget(name))
      expect(body.code).toBe(409)
      expect(body.message).toMatch(
        /^Apply failed with 1 conflict: conflict with "bob" using test\.adloom\.dev\/v1: \.spec\.size$/,
      )
    })

    it('keeps status apart: own entry, own endpoint', async () => {
      const name = contract.name()
      await contract.api.apply(widgets(name), 'alice', { ...widget(name), status: { phase: 'Main' } })
      const status = (value: object) => ({ ...bare(name), spec: undefined, status: value })
      const ready = { type: 'Ready', status: 'True' }
      const { body } = await contract.api.apply(
        widgets(name, 'status'),
        'alice',
        status({ phase: 'Up', conditions: [ready] }),
      )
      expect(body.status).toMatchObject({ phase: 'Up', conditions: [ready] })
      expect(body.metadata.managedFields).toHaveLength(2)
      expect(body.metadata.managedFields.map(({ subresource }: Entry) => subresource).sort()).toEqual([
        'status',
        undefined,
      ])
      const again = await contract.api.apply(
        widgets(name, 'status'),
        'alice',
        status({ phase: 'Up', conditions: [ready] }),
      )
      expect(again.body).toEqual(body)
      const { body: less } = await contract.api.apply(widgets(name, 'status'), 'alice', status({ phase: 'Up' }))
      expect(less.status.conditions ?? []).toEqual([])
      expect(less.spec).toEqual(body.spec)
    })

    it('needs a manager, knows force, and refuses unknown fields, other names and managedFields', async () => {
      const name = contract.name()
      expect((await contract.api.apply(widgets(name), '', widget(name))).body).toMatchObject({
        code: 422,
        reason: 'Invalid',
      })
      const unknown = await contract.api.apply(widgets(name), 'alice', widget(name, { colour: 'red' }))
      expect(unknown.code).toBeGreaterThanOrEqual(400)
      expect(unknown.body.message).toContain('.spec.colour: field not declared in schema')
      expect((await contract.api.apply(widgets(name), 'alice', widget('other'))).code).toBe(400)
      const managed = widget(name, {}, { managedFields: [{ manager: 'x' }] })
      expect((await contract.api.apply(widgets(name), 'alice', managed)).code).toBe(400)
    })

    it('of an empty list after items first drops the list, then sets it, and then rests', async () => {
      const name = contract.name()
      const apply = async (tags: string[]) =>
        (await contract.api.apply(widgets(name), 'alice', widget(name, { tags }))).body
      await apply(['x'])
      expect((await apply([])).spec.tags).toBeUndefined()
      const set = await apply([])
      expect(set.spec.tags).toEqual([])
      expect(await apply([])).toEqual(set)
    })

    it('with a version is an optimistic lock', async () => {
      const name = contract.name()
      const { body } = await contract.api.apply(widgets(name), 'alice', widget(name))
      const { resourceVersion } = body.metadata
      expect(
        (await contract.api.apply(widgets(name), 'alice', widget(name, { size: 2 }, { resourceVersion }))).code,
      ).toBe(200)
      expect(
        (await contract.api.apply(widgets(name), 'alice', widget(name, { size: 3 }, { resourceVersion }))).code,
      ).toBe(409)
    })

    it('owns labels and finalizers one by one', async () => {
      const name = contract.name()
      await contract.api.apply(
        widgets(name),
        'alice',
        widget(name, {}, { labels: { a: '1' }, finalizers: ['x.dev/a'] }),
      )
      const { body } = await contract.api.apply(
        widgets(name),
        'bob',
        bare(name, {}, { metadata: { name, labels: { b: '2' } } }),
      )
      expect(body.metadata.labels).toEqual({ a: '1', b: '2' })
      const { body: left } = await contract.api.apply(widgets(name), 'alice', widget(name))
      expect(left.metadata.labels).toEqual({ b: '2' })
      expect(left.metadata.finalizers).toBeUndefined()
    })
  })
}
