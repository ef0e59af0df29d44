import { describe, expect, it } from 'vitest'
import { type Contract, eventually } from './api.ts'
import { widget } from './widget.ts'

export function deletionContract(contract: Contract): void {
  const { widgets } = contract
  const gone = (name: string) =>
    eventually(`${name} is gone`, async () => ((await contract.api.get(widgets(name))).code === 404 ? true : undefined))
  const owner = (body: { metadata: { name: string; uid: string } }, more: object = {}) => ({
    ownerReferences: [
      { apiVersion: 'test.adloom.dev/v1', kind: 'Widget', name: body.metadata.name, uid: body.metadata.uid, ...more },
    ],
  })
  const create = async (metadata: object = {}) => {
    const name = contract.name()
    const { body, code } = await contract.api.post(widgets(), widget(name, {}, metadata))
    expect(code).toBe(201)
    return { name, body }
  }

  describe('deleting', () => {
    it('answers with a Status and the object is gone', async () => {
      const { name, body: created } = await create()
      const { code, body } = await contract.api.delete(widgets(name))
      expect(code).toBe(200)
      expect(body).toMatchObject({ kind: 'Status', status: 'Success' })
      expect(body.details).toMatchObject({ name, group: 'test.adloom.dev', kind: 'widgets', uid: created.metadata.uid })
      expect((await contract.api.get(widgets(name))).code).toBe(404)
      expect((await contract.api.delete(widgets(name))).code).toBe(404)
    })

    it('waits for finalizers, and takes no new ones meanwhile', async () => {
      const { name } = await create({ finalizers: ['x.dev/a', 'x.dev/b'] })
      const { body } = await contract.api.delete(widgets(name))
      expect(body.metadata).toMatchObject({ name, generation: 2, deletionGracePeriodSeconds: 0 })
      expect(body.metadata.deletionTimestamp).toMatch(/Z$/)
      const more = await contract.api.mergePatch(widgets(name), { metadata: { finalizers: ['x.dev/a', 'x.dev/c'] } })
      expect(more.body).toMatchObject({ code: 422, reason: 'Invalid' })
      const fewer = await contract.api.mergePatch(widgets(name), { metadata: { finalizers: ['x.dev/a'] } })
      expect(fewer.code).toBe(200)
      expect((await contract.api.mergePatch(widgets(name), { metadata: { finalizers: null } })).code).toBe(200)
      expect((await contract.api.get(widgets(name))).code).toBe(404)
    })

    it('holds to uid and version', async () => {
      const { name, body } = await create()
      const uid = '00000000-0000-0000-0000-000000000000'
      expect((await contract.api.delete(widgets(name), { preconditions: { uid } })).body).toMatchObject({
        code: 409,
        reason: 'Conflict',
      })
      expect((await contract.api.delete(widgets(name), { preconditions: { resourceVersion: '1' } })).code).toBe(409)
      const { uid: own, resourceVersion } = body.metadata
      expect((await contract.api.delete(widgets(name), { preconditions: { uid: own, resourceVersion } })).code).toBe(
        200,
      )
    })

    it('a collection deletes what is selected', async () => {
      const group = contract.name()
      const [one, two, other] = [
        await create({ labels: { group } }),
        await create({ labels: { group } }),
        await create(),
      ]
      const { code } = await contract.api.delete(`${widgets()}?labelSelector=group=${group}`)
      expect(code).toBe(200)
      await gone(one.name)
      await gone(two.name)
      expect((await contract.api.get(widgets(other.name))).code).toBe(200)
    })
  })

  describe('garbage collection', () => {
    it('deletes dependents in the background', async () => {
      const parent = await create()
      const child = await create(owner(parent.body))
      const grandchild = await create(owner(child.body))
      await contract.api.delete(widgets(parent.name), { propagationPolicy: 'Background' })
      await gone(child.name)
      await gone(grandchild.name)
    })

    it('deletes blocking dependents first in the foreground', async () => {
      const parent = await create()
      const child = await create({ ...owner(parent.body, { blockOwnerDeletion: true }), finalizers: ['x.dev/a'] })
      const { body } = await contract.api.delete(widgets(parent.name), { propagationPolicy: 'Foreground' })
      expect(body.metadata.finalizers).toEqual(['foregroundDeletion'])
      await eventually('the child is being deleted', async () => {
        const { body: found } = await contract.api.get(widgets(child.name))
        return found.metadata.deletionTimestamp
      })
      expect((await contract.api.get(widgets(parent.name))).code).toBe(200)
      // The controller may be putting its own finalizer there at the same moment.
      await contract.api.jsonPatch(widgets(child.name), [{ op: 'remove', path: '/metadata/finalizers/0' }])
      await gone(child.name)
      await gone(parent.name)
    })

    it('orphans when asked', async () => {
      const parent = await create()
      const child = await create(owner(parent.body))
      await contract.api.delete(widgets(parent.name), { propagationPolicy: 'Orphan' })
      await gone(parent.name)
      const { body } = await contract.api.get(widgets(child.name))
      expect(body.metadata.ownerReferences).toBeUndefined()
    })

    it('keeps what another owner still has, without the owner that is gone', async () => {
      const [one, two] = [await create(), await create()]
      const references = [...owner(one.body).ownerReferences, ...owner(two.body).ownerReferences]
      const child = await create({ ownerReferences: references })
      await contract.api.delete(widgets(one.name), { propagationPolicy: 'Background' })
      const left = await eventually('one owner is left', async () => {
        const { body } = await contract.api.get(widgets(child.name))
        return body.metadata.ownerReferences.length === 1 ? body.metadata.ownerReferences : undefined
      })
      expect(left[0].name).toBe(two.name)
    })
  })

  describe('a namespace', () => {
    it('that is deleted takes in nothing, empties and goes', async () => {
      const name = contract.name()
      const inside = `/apis/test.adloom.dev/v1/namespaces/${name}/widgets`
      const { body } = await contract.api.post('/api/v1/namespaces', { metadata: { name } })
      expect(body.status).toEqual({ phase: 'Active' })
      await contract.api.post(inside, widget('held', {}, { finalizers: ['x.dev/a'] }))
      await contract.api.post(inside, widget('free'))
      await contract.api.delete(`/api/v1/namespaces/${name}`)
      const refused = await eventually('it takes in nothing', async () => {
        const answer = await contract.api.post(inside, widget('late'))
        return answer.code === 403 ? answer.body : undefined
      })
      expect(refused.message).toContain('because it is being terminated')
      expect(refused.details.causes).toContainEqual(expect.objectContaining({ reason: 'NamespaceTerminating' }))
      await eventually('it is nearly empty', async () => {
        const { body: list } = await contract.api.get(inside)
        return list.items?.length === 1 && list.items[0].metadata.deletionTimestamp ? true : undefined
      })
      await contract.api.mergePatch(`${inside}/held`, { metadata: { finalizers: null } })
      await eventually('it is gone', async () =>
        (await contract.api.get(`/api/v1/namespaces/${name}`)).code === 404 ? true : undefined,
      )
    })
  })
}
