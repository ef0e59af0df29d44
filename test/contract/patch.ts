import { describe, expect, it } from 'vitest'
import type { Contract } from './api.ts'
import { widget } from './widget.ts'

export function patchContract(contract: Contract): void {
  const { widgets } = contract

  describe('a merge patch', () => {
    it('sets, removes by null, and replaces lists', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name, { order: ['a', 'b'], labels: { a: '1', b: '2' } }))
      const { body } = await contract.api.mergePatch(widgets(name), {
        spec: { order: ['c'], labels: { a: null, c: '3' } },
      })
      expect(body.spec).toMatchObject({ size: 1, order: ['c'], labels: { b: '2', c: '3' } })
      expect(body.metadata.generation).toBe(2)
    })

    it('changes nothing when it changes nothing', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      const { code, body } = await contract.api.mergePatch(widgets(name), { spec: { size: 1 } })
      expect([code, body]).toEqual([200, first])
    })

    it('is refused with an old version or another uid', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      const lock = (metadata: object) => contract.api.mergePatch(widgets(name), { metadata, spec: { size: 2 } })
      await contract.api.mergePatch(widgets(name), { spec: { size: 5 } })
      const { resourceVersion } = first.metadata
      expect((await lock({ resourceVersion })).body).toMatchObject({ code: 409, reason: 'Conflict' })
      expect((await lock({ uid: '00000000-0000-0000-0000-000000000000' })).body).toMatchObject({
        code: 422,
        reason: 'Invalid',
      })
      expect((await lock({ uid: first.metadata.uid })).code).toBe(200)
    })

    it('to /status changes status only', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name))
      const patch = { metadata: { labels: { a: 'b' } }, spec: { size: 4 }, status: { phase: 'Up' } }
      const { body } = await contract.api.mergePatch(widgets(name, 'status'), patch)
      expect([body.spec.size, body.status.phase, body.metadata.labels]).toEqual([1, 'Up', undefined])
      const main = await contract.api.mergePatch(widgets(name), { status: { phase: 'Main' } })
      expect(main.body.status.phase).toBe('Up')
    })

    it('of an absent object is not found, and cannot rename', async () => {
      expect((await contract.api.mergePatch(widgets('absent'), {})).code).toBe(404)
      const name = contract.name()
      await contract.api.post(widgets(), widget(name))
      expect((await contract.api.mergePatch(widgets(name), { metadata: { name: 'other' } })).code).toBe(400)
    })
  })

  describe('a JSON patch', () => {
    it('adds, replaces, removes, moves and tests', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name, { order: ['a', 'b'], labels: { 'x/y': '1' } }))
      const { body } = await contract.api.jsonPatch(widgets(name), [
        { op: 'test', path: '/spec/size', value: 1 },
        { op: 'replace', path: '/spec/size', value: 2 },
        { op: 'add', path: '/spec/order/-', value: 'c' },
        { op: 'remove', path: '/spec/order/0' },
        { op: 'move', from: '/spec/labels/x~1y', path: '/spec/labels/z' },
      ])
      expect(body.spec).toMatchObject({ size: 2, order: ['b', 'c'], labels: { z: '1' } })
    })

    it('that does not fit is refused and changes nothing', async () => {
      const name = contract.name()
      const { body: first } = await contract.api.post(widgets(), widget(name))
      for (const operation of [
        { op: 'test', path: '/spec/size', value: 3 },
        { op: 'remove', path: '/spec/absent' },
        { op: 'replace', path: '/spec/absent/deeper', value: 1 },
      ]) {
        expect((await contract.api.jsonPatch(widgets(name), [operation])).code).toBe(422)
      }
      expect((await contract.api.get(widgets(name))).body).toEqual(first)
    })
  })

  it('a strategic merge patch is refused for a custom kind', async () => {
    const name = contract.name()
    await contract.api.post(widgets(), widget(name))
    const type = { 'content-type': 'application/strategic-merge-patch+json' }
    const { body } = await contract.api.request('PATCH', widgets(name), { spec: { size: 2 } }, type)
    expect([body.code, body.reason]).toEqual([415, 'UnsupportedMediaType'])
  })

  it('a strategic merge patch of a built-in kind is taken', async () => {
    const maps = `/api/v1/namespaces/${contract.namespace}/configmaps`
    const name = contract.name()
    await contract.api.post(maps, { metadata: { name }, data: { a: '1', b: '2' } })
    const type = { 'content-type': 'application/strategic-merge-patch+json' }
    const { body } = await contract.api.request('PATCH', `${maps}/${name}`, { data: { a: null, c: '3' } }, type)
    expect(body.data).toEqual({ b: '2', c: '3' })
  })
}
