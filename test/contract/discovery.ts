import { describe, expect, it } from 'vitest'
import { type Contract, eventually } from './api.ts'

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

export function discoveryContract(contract: Contract): void {
  describe('discovery', () => {
    it('lists the kind with its names and subresources, in one request', async () => {
      const group = await eventually('the group is discovered', async () => {
        const { body, headers } = await contract.api.get('/apis', aggregated)
        expect(body.kind).toBe('APIGroupDiscoveryList')
        expect(headers.get('content-type')).toContain('as=APIGroupDiscoveryList')
        return body.items.find((item: { metadata: { name: string } }) => item.metadata.name === 'test.adloom.dev')
      })
      expect(group.versions[0].resources[0]).toMatchObject({
        resource: 'widgets',
        responseKind: { group: 'test.adloom.dev', version: 'v1', kind: 'Widget' },
        scope: 'Namespaced',
        singularResource: 'widget',
        shortNames: ['wdg'],
        categories: ['gadgets'],
        verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
      })
      const names = group.versions[0].resources[0].subresources.map(
        (entry: { subresource: string }) => entry.subresource,
      )
      expect(names.sort()).toEqual(['scale', 'status'])
    })

    it('answers without aggregation, too', async () => {
      const { body: groups } = await contract.api.get('/apis')
      expect(groups.kind).toBe('APIGroupList')
      expect((await contract.api.get('/api')).body.versions).toEqual(['v1'])
      const { body: one } = await contract.api.get('/apis/test.adloom.dev')
      expect(one.preferredVersion).toEqual({ groupVersion: 'test.adloom.dev/v1', version: 'v1' })
      const { body } = await contract.api.get('/apis/test.adloom.dev/v1')
      expect(body.kind).toBe('APIResourceList')
      const names = body.resources.map((resource: { name: string }) => resource.name).sort()
      expect(names).toEqual(['widgets', 'widgets/scale', 'widgets/status'])
      expect((await contract.api.get('/apis/absent.example')).code).toBe(404)
      expect((await contract.api.get('/apis/test.adloom.dev/v1/absent')).code).toBe(404)
    })

    it('describes the kind in OpenAPI v3, fieldValidation included', async () => {
      const path = await eventually('the group is described', async () => {
        const { body } = await contract.api.get('/openapi/v3')
        // A real server sends this JSON as text/plain.
        const index = typeof body === 'string' ? JSON.parse(body) : body
        return index.paths['apis/test.adloom.dev/v1']?.serverRelativeURL as string | undefined
      })
      const { body } = await contract.api.get(path)
      const { patch } = body.paths['/apis/test.adloom.dev/v1/namespaces/{namespace}/widgets/{name}']
      expect(patch['x-kubernetes-group-version-kind']).toEqual({
        group: 'test.adloom.dev',
        kind: 'Widget',
        version: 'v1',
      })
      expect(patch.parameters.map((parameter: { name: string }) => parameter.name)).toContain('fieldValidation')
      expect(body.components.schemas['dev.adloom.test.v1.Widget'].properties.spec.properties.size).toMatchObject({
        type: 'integer',
        maximum: 10,
      })
    })

    it('says its version and that it is well', async () => {
      expect((await contract.api.get('/version')).body).toMatchObject({
        major: '1',
        gitVersion: expect.stringMatching(/^v1\./),
      })
      for (const path of ['/healthz', '/livez', '/readyz']) expect((await contract.api.get(path)).code).toBe(200)
    })
  })
}
