import { describe, expect, it } from 'vitest'
import type { Contract } from './api.ts'
import { widget } from './widget.ts'

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

export function readContract(contract: Contract): void {
  const { widgets } = contract
  const create = async (labels: Record<string, string>, ...names: string[]) => {
    for (const name of names) await contract.api.post(widgets(), widget(name, {}, { labels }))
  }
  const namesIn = (body: { items: { metadata: { name: string } }[] }) => body.items.map(({ metadata }) => metadata.name)

  describe('a list', () => {
    it('has kind, version and items in order of name', async () => {
      const group = contract.name()
      await create({ group }, `${group}-b`, `${group}-a`)
      const { body } = await contract.api.get(`${widgets()}?labelSelector=group=${group}`)
      expect(body).toMatchObject({ kind: 'WidgetList', apiVersion: 'test.adloom.dev/v1' })
      expect(body.metadata.resourceVersion).toMatch(/^\d+$/)
      expect(namesIn(body)).toEqual([`${group}-a`, `${group}-b`])
      const everywhere = await contract.api.get(`/apis/test.adloom.dev/v1/widgets?labelSelector=group=${group}`)
      expect(namesIn(everywhere.body)).toEqual(namesIn(body))
    })

    it('selects by labels and fields', async () => {
      const group = contract.name()
      await create({ group, tier: 'front' }, `${group}-a`)
      await create({ group, tier: 'back' }, `${group}-b`)
      await create({ group }, `${group}-c`)
      const select = async (more: string) => {
        const { body } = await contract.api.get(
          `${widgets()}?labelSelector=${encodeURIComponent(`group=${group},${more}`)}`,
        )
        return namesIn(body)
          .map((name) => name.slice(-1))
          .join('')
      }
      expect(await select('tier=front')).toBe('a')
      expect(await select('tier!=front')).toBe('bc')
      expect(await select('tier')).toBe('ab')
      expect(await select('!tier')).toBe('c')
      expect(await select('tier in (front,back)')).toBe('ab')
      expect(await select('tier notin (front)')).toBe('bc')
      const byName = await contract.api.get(`${widgets()}?fieldSelector=metadata.name=${group}-b`)
      expect(namesIn(byName.body)).toEqual([`${group}-b`])
      const unknown = await contract.api.get(`${widgets()}?fieldSelector=spec.size=1`)
      expect(unknown.body).toMatchObject({ code: 400, reason: 'BadRequest' })
      expect(unknown.body.message).toContain('field label not supported: spec.size')
    })

    it('comes in pages that all show one state', async () => {
      const group = contract.name()
      await create({ group }, ...['a', 'b', 'c', 'd', 'e'].map((letter) => `${group}-${letter}`))
      const url = `${widgets()}?labelSelector=group=${group}&limit=2`
      const { body: first } = await contract.api.get(url)
      await contract.api.delete(widgets(`${group}-d`))
      await create({ group }, `${group}-c2`)
      const { body: second } = await contract.api.get(`${url}&continue=${encodeURIComponent(first.metadata.continue)}`)
      const { body: third } = await contract.api.get(`${url}&continue=${encodeURIComponent(second.metadata.continue)}`)
      expect([first, second, third].flatMap(namesIn)).toEqual(
        ['a', 'b', 'c', 'd', 'e'].map((letter) => `${group}-${letter}`),
      )
      expect(third.metadata.continue ?? '').toBe('')
      expect(third.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
      expect((await contract.api.get(`${widgets()}?limit=2&continue=nonsense`)).code).toBe(400)
    })

    it('can show an exact older state', async () => {
      const group = contract.name()
      await create({ group }, `${group}-a`)
      const { body: before } = await contract.api.get(`${widgets()}?labelSelector=group=${group}`)
      await contract.api.delete(widgets(`${group}-a`))
      const version = before.metadata.resourceVersion
      const exact = await contract.api.get(
        `${widgets()}?labelSelector=group=${group}&resourceVersion=${version}&resourceVersionMatch=Exact`,
      )
      expect(namesIn(exact.body)).toEqual([`${group}-a`])
      const now = await contract.api.get(
        `${widgets()}?labelSelector=group=${group}&resourceVersion=${version}&resourceVersionMatch=NotOlderThan`,
      )
      expect(Number(now.body.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(version))
      expect((await contract.api.get(`${widgets()}?resourceVersionMatch=Exact`)).code).toBe(422)
    })
  })

  describe('as a table', () => {
    it('objects have the printer columns', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name, { size: 4 }))
      await contract.api.mergePatch(widgets(name, 'status'), {
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      })
      const { body } = await contract.api.get(`${widgets()}?fieldSelector=metadata.name=${name}`, table)
      expect([body.kind, body.apiVersion]).toEqual(['Table', 'meta.k8s.io/v1'])
      expect(body.columnDefinitions.map((column: { name: string }) => column.name)).toEqual([
        'Name',
        'Size',
        'Ready',
        'Mode',
        'Age',
      ])
      expect(body.columnDefinitions.map((column: { priority: number }) => column.priority)).toEqual([0, 0, 0, 1, 0])
      expect(body.rows).toHaveLength(1)
      expect(body.rows[0].cells).toEqual([name, 4, 'True', 'Fast', expect.stringMatching(/^\d+s$/)])
      expect(body.rows[0].object).toMatchObject({
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { name },
      })
      const one = await contract.api.get(widgets(name), table)
      expect(one.body.rows[0].cells[0]).toBe(name)
    })
  })

  it('metadata alone can be asked for', async () => {
    const name = contract.name()
    await contract.api.post(widgets(), widget(name))
    const one = await contract.api.get(widgets(name), 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1')
    expect([one.body.kind, one.body.metadata.name, one.body.spec]).toEqual(['PartialObjectMetadata', name, undefined])
    const list = await contract.api.get(
      `${widgets()}?fieldSelector=metadata.name=${name}`,
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    )
    expect([list.body.kind, list.body.items[0].metadata.name]).toEqual(['PartialObjectMetadataList', name])
  })
}
