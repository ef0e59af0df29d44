import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { kinds } from '../../crds/kinds.ts'
import type { Client } from '../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { CUSTOM_RESOURCE_DEFINITION } from '../../operator/cluster/resources.ts'
import { connect, installKinds, sharedControlPlane, untilEstablished } from '../support/cluster.ts'

const folder = join(import.meta.dirname, '../../crds/manifests')

let client: Client
let close: (() => Promise<void>) | undefined

beforeEach(async (context) => {
  const { kubeconfig } = await sharedControlPlane(context)
  ;({ client, close } = connect(kubeconfig))
})
afterEach(() => close?.())

describe.each(readdirSync(folder))('%s', (file) => {
  const definition = parse(readFileSync(join(folder, file), 'utf8')) as KubernetesObject

  test('is accepted, its CEL rules within their cost, and served', async () => {
    await client.apply(CUSTOM_RESOURCE_DEFINITION, definition, { force: true })
    await untilEstablished(client, definition.metadata.name)
  })

  test('loses no field: the server keeps what is written', async () => {
    await client.apply(CUSTOM_RESOURCE_DEFINITION, definition, { force: true })
    const stored = await client.get(CUSTOM_RESOURCE_DEFINITION, definition.metadata)
    expect(stored).toMatchObject(definition)
  })
})

test('every kind is found by its names, short names and category', async () => {
  await installKinds(client)
  const discovery = JSON.parse(await client.read('/apis/adloom.dev/v1alpha1')) as { resources: object[] }
  for (const { plural, kind, shortNames, scale } of kinds) {
    const singularName = kind.toLowerCase()
    expect(discovery.resources).toContainEqual(
      expect.objectContaining({ name: plural, singularName, kind, shortNames, categories: ['adloom'] }),
    )
    expect(discovery.resources).toContainEqual(expect.objectContaining({ name: `${plural}/status` }))
    if (scale) expect(discovery.resources).toContainEqual(expect.objectContaining({ name: `${plural}/scale` }))
  }
})
