import { describe, expect, it } from 'vitest'
import type { Contract } from './api.ts'
import { widget } from './widget.ts'

interface Refusal {
  spec: object
  field: string
  reason: string
  message: string
}

const refusals: Record<string, Refusal> = {
  'a number that is too large': {
    spec: { size: 11 },
    field: 'spec.size',
    reason: 'FieldValueInvalid',
    message: 'Invalid value: 11: spec.size in body should be less than or equal to 10',
  },
  'a number that is too small': {
    spec: { size: 0 },
    field: 'spec.size',
    reason: 'FieldValueInvalid',
    message: 'Invalid value: 0: spec.size in body should be greater than or equal to 1',
  },
  'text for a number': {
    spec: { size: 'large' },
    field: 'spec.size',
    reason: 'FieldValueTypeInvalid',
    message: 'Invalid value: "string": spec.size in body must be of type integer: "string"',
  },
  'an unknown word': {
    spec: { mode: 'Slow' },
    field: 'spec.mode',
    reason: 'FieldValueNotSupported',
    message: 'Unsupported value: "Slow": supported values: "Fast", "Careful"',
  },
  'a missing field': {
    spec: { size: undefined },
    field: 'spec.size',
    reason: 'FieldValueRequired',
    message: 'Required value',
  },
  'a pattern that does not match': {
    spec: { pattern: 'A' },
    field: 'spec.pattern',
    reason: 'FieldValueInvalid',
    message: `Invalid value: "A": spec.pattern in body should match '^[a-z]+$'`,
  },
  'text that is too long': {
    spec: { pattern: 'a'.repeat(9) },
    field: 'spec.pattern',
    reason: 'FieldValueTooLong',
    message: 'Too long: may not be more than 8 bytes',
  },
  'too many items': {
    spec: { parts: Array.from({ length: 9 }, (_, index) => ({ name: `p${index}` })) },
    field: 'spec.parts',
    reason: 'FieldValueTooMany',
    message: 'Too many: 9: must have at most 8 items',
  },
  'two items of one key': {
    spec: { parts: [{ name: 'a' }, { name: 'a' }] },
    field: 'spec.parts[1]',
    reason: 'FieldValueDuplicate',
    message: 'Duplicate value: {"name":"a"}',
  },
  'a set with an item twice': {
    spec: { tags: ['a', 'a'] },
    field: 'spec.tags[1]',
    reason: 'FieldValueDuplicate',
    message: 'Duplicate value: "a"',
  },
}

export function schemaContract(contract: Contract): void {
  const { widgets } = contract

  describe('the schema', () => {
    for (const [what, { spec, field, reason, message }] of Object.entries(refusals)) {
      it(`refuses ${what}`, async () => {
        const name = contract.name()
        const { body } = await contract.api.post(widgets(), widget(name, spec))
        expect(body).toMatchObject({ code: 422, reason: 'Invalid' })
        expect(body.details).toMatchObject({ name, group: 'test.adloom.dev', kind: 'Widget' })
        expect(body.details.causes).toContainEqual({ reason, message, field })
        expect(body.message).toContain(`Widget.test.adloom.dev "${name}" is invalid: `)
        expect(body.message).toContain(`${field}: ${message}`)
      })
    }

    it('gives defaults, also in items, but not in what is absent', async () => {
      const { body } = await contract.api.post(
        widgets(),
        widget(contract.name(), { parts: [{ name: 'a', options: {} }, { name: 'b' }] }),
      )
      expect(body.spec).toEqual({
        size: 1,
        mode: 'Fast',
        parts: [
          { name: 'a', count: 1, options: { colour: 'grey' } },
          { name: 'b', count: 1 },
        ],
      })
      const { body: nested } = await contract.api.post(widgets(), widget(contract.name(), { nested: {}, mode: null }))
      expect(nested.spec).toEqual({ size: 1, mode: 'Fast', nested: { deep: 'set' } })
    })

    it('keeps null where it is allowed, and anything where it may be', async () => {
      const spec = { nullable: null, free: { any: { thing: [1] } }, portOrName: 'http', labels: { a: 'b' } }
      const { body } = await contract.api.post(widgets(), widget(contract.name(), spec))
      expect(body.spec).toEqual({ size: 1, mode: 'Fast', ...spec })
    })

    it('drops unknown fields: silently, with a warning, or not at all, as asked', async () => {
      const create = (validation: string) =>
        contract.api.post(`${widgets()}?fieldValidation=${validation}`, widget(contract.name(), { colour: 'red' }))
      const ignored = await create('Ignore')
      expect([ignored.code, ignored.body.spec.colour, ignored.headers.get('warning')]).toEqual([201, undefined, null])
      const warned = await create('Warn')
      expect([warned.code, warned.body.spec.colour]).toEqual([201, undefined])
      expect(warned.headers.get('warning')).toBe('299 - "unknown field \\"spec.colour\\""')
      const refused = await create('Strict')
      expect(refused.body).toMatchObject({ code: 400, reason: 'BadRequest' })
      expect(refused.body.message).toContain('strict decoding error: unknown field "spec.colour"')
    })

    it('is asked on updates and patches, too', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      expect((await contract.api.put(widgets(name), { ...first, spec: { size: 99 } })).code).toBe(422)
      expect((await contract.api.mergePatch(widgets(name), { spec: { size: 99 } })).code).toBe(422)
      expect((await contract.api.apply(widgets(name), 'm', widget(name, { size: 99 }), { force: true })).code).toBe(422)
      const status = { conditions: [{ type: 'Ready', status: 'Perhaps' }] }
      expect((await contract.api.mergePatch(widgets(name, 'status'), { status })).code).toBe(422)
      const strict = await contract.api.mergePatch(`${widgets(name)}?fieldValidation=Strict`, {
        spec: { colour: 'red' },
      })
      expect(strict.code).toBeGreaterThanOrEqual(400)
      expect(strict.body.message).toContain('unknown field "spec.colour"')
      expect((await contract.api.get(widgets(name))).body).toEqual(first)
    })
  })
}
