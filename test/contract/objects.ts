import { describe, expect, it } from 'vitest'
import type { Contract } from './api.ts'
import { widget } from './widget.ts'

export function objectContract(contract: Contract): void {
  const { widgets } = contract

  describe('objects', () => {
    it('are created with uid, times, generation 1 and a version, and read back', async () => {
      const name = contract.name()
      const created = await contract.api.post(widgets(), widget(name))
      expect(created.code).toBe(201)
      expect(created.body.metadata).toMatchObject({ name, namespace: contract.namespace, generation: 1 })
      expect(created.body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(created.body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      expect(created.body.metadata.resourceVersion).toMatch(/^[1-9]\d*$/)
      expect((await contract.api.get(widgets(name))).body).toEqual(created.body)
    })

    it('are refused when the name is taken, and not found when it is not', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name))
      const again = await contract.api.post(widgets(), widget(name))
      expect(again.body).toMatchObject({ kind: 'Status', status: 'Failure', code: 409, reason: 'AlreadyExists' })
      expect(again.body.message).toBe(`widgets.test.adloom.dev "${name}" already exists`)
      const absent = await contract.api.get(widgets('absent'))
      expect(absent.body).toMatchObject({ kind: 'Status', code: 404, reason: 'NotFound' })
      expect(absent.body.message).toBe('widgets.test.adloom.dev "absent" not found')
      expect(absent.body.details).toEqual({ name: 'absent', group: 'test.adloom.dev', kind: 'widgets' })
    })

    it('get a name from generateName', async () => {
      const { body } = await contract.api.post(widgets(), { ...widget(''), metadata: { generateName: 'some-' } })
      expect(body.metadata.name).toMatch(/^some-[a-z0-9]{5}$/)
    })

    it('are refused in a namespace that does not exist or is not that of the path', async () => {
      const missing = await contract.api.post('/apis/test.adloom.dev/v1/namespaces/nowhere/widgets', widget('w'))
      expect(missing.body).toMatchObject({ code: 404, reason: 'NotFound', message: 'namespaces "nowhere" not found' })
      const other = await contract.api.post(widgets(), widget('w', {}, { namespace: 'default' }))
      expect(other.body).toMatchObject({ code: 400, reason: 'BadRequest' })
    })

    it('are refused under another kind, an impossible name, and as no JSON', async () => {
      const kind = await contract.api.post(widgets(), { ...widget('w'), kind: 'Gadget' })
      expect([400, 422]).toContain(kind.code)
      const name = await contract.api.post(widgets(), widget('Not A Name'))
      expect(name.body).toMatchObject({ code: 422, reason: 'Invalid' })
      expect(name.body.details.causes).toContainEqual(expect.objectContaining({ field: 'metadata.name' }))
      const text = await contract.api.post(widgets(), '{')
      expect(text.body).toMatchObject({ code: 400, reason: 'BadRequest' })
    })

    it('over three mebibytes are refused', async () => {
      const huge = widget(contract.name(), { free: { text: 'x'.repeat(3 * 1024 * 1024) } })
      const { code, body } = await contract.api.post(widgets(), huge)
      expect([code, body.reason]).toEqual([413, 'RequestEntityTooLarge'])
    })
  })

  describe('replacing an object', () => {
    it('needs the current version', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      const second = await contract.api.put(widgets(name), { ...first, spec: { size: 2 } })
      expect(second.code).toBe(200)
      expect(Number(second.body.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
      const stale = await contract.api.put(widgets(name), { ...first, spec: { size: 3 } })
      expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' })
      expect(stale.body.message).toBe(
        `Operation cannot be fulfilled on widgets.test.adloom.dev "${name}": the object has been modified; ` +
          'please apply your changes to the latest version and try again',
      )
      const none = await contract.api.put(widgets(name), widget(name))
      expect(none.body).toMatchObject({ code: 422, reason: 'Invalid' })
      expect(none.body.details.causes[0].field).toBe('metadata.resourceVersion')
    })

    it('changes the generation with the spec, but not with labels, and nothing at all when nothing differs', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      const same = await contract.api.put(widgets(name), first)
      expect(same.body).toEqual(first)
      const { body: labelled } = await contract.api.put(widgets(name), {
        ...first,
        metadata: { ...first.metadata, labels: { a: 'b' } },
      })
      expect(labelled.metadata).toMatchObject({ generation: 1, labels: { a: 'b' } })
      const { body: resized } = await contract.api.put(widgets(name), { ...labelled, spec: { size: 2 } })
      expect(resized.metadata.generation).toBe(2)
    })

    it('leaves alone what only the server writes', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      const metadata = { ...first.metadata, creationTimestamp: '2001-01-01T00:00:00Z', generation: 99 }
      const { body } = await contract.api.put(widgets(name), { ...first, metadata })
      expect(body.metadata).toMatchObject({ generation: 1, creationTimestamp: first.metadata.creationTimestamp })
      const otherUid = { ...first, metadata: { ...first.metadata, uid: '00000000-0000-0000-0000-000000000000' } }
      expect((await contract.api.put(widgets(name), otherUid)).code).toBe(409)
    })
  })

  describe('status', () => {
    it('changes through /status only, which changes nothing else', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), { ...widget(name), status: { phase: 'Early' } })
      expect(first.status).toBeUndefined()
      const main = await contract.api.put(widgets(name), { ...first, status: { phase: 'Main' } })
      expect(main.body.status).toBeUndefined()
      const { code, body } = await contract.api.put(widgets(name, 'status'), {
        ...first,
        spec: { size: 9 },
        status: { phase: 'Up' },
      })
      expect(code).toBe(200)
      expect(body.spec.size).toBe(1)
      expect(body.status).toEqual({ phase: 'Up', observedGeneration: -1 })
      expect(body.metadata.generation).toBe(1)
    })

    it('of an absent object is not found', async () => {
      expect((await contract.api.mergePatch(widgets('absent', 'status'), { status: {} })).code).toBe(404)
    })
  })

  describe('scale', () => {
    it('shows and sets the replicas', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name, { replicas: 2 }))
      const { body } = await contract.api.get(widgets(name, 'scale'))
      expect(body).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 2 } })
      await contract.api.put(widgets(name, 'scale'), { ...body, spec: { replicas: 3 } })
      const patched = await contract.api.mergePatch(widgets(name, 'scale'), { spec: { replicas: 5 } })
      expect(patched.body.spec).toEqual({ replicas: 5 })
      const { body: scaled } = await contract.api.get(widgets(name))
      expect([scaled.spec.replicas, scaled.metadata.generation]).toEqual([5, 3])
    })
  })

  describe('a dry run', () => {
    it('answers as the write would, and writes nothing', async () => {
      const name = contract.name()
      const created = await contract.api.post(`${widgets()}?dryRun=All`, widget(name))
      expect([created.code, created.body.spec.mode]).toEqual([201, 'Fast'])
      expect((await contract.api.get(widgets(name))).code).toBe(404)
      const { body: first } = await contract.api.post(widgets(), widget(name))
      const patched = await contract.api.mergePatch(`${widgets(name)}?dryRun=All`, { spec: { size: 7 } })
      expect(patched.body.spec.size).toBe(7)
      await contract.api.delete(`${widgets(name)}?dryRun=All`)
      expect((await contract.api.get(widgets(name))).body).toEqual(first)
    })
  })
}
