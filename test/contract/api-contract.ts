import { randomBytes } from 'node:crypto'
import { afterAll, beforeEach, describe, type TestContext } from 'vitest'
import type { Transport } from '../../operator/cluster/client.ts'
import { type Api, apiOf, type Contract, eventually } from './api.ts'
import { applyContract } from './apply.ts'
import { deletionContract } from './deletion.ts'
import { discoveryContract } from './discovery.ts'
import { objectContract } from './objects.ts'
import { patchContract } from './patch.ts'
import { readContract } from './read.ts'
import { schemaContract } from './schema.ts'
import { watchContract } from './watch.ts'
import { widgetCrd } from './widget.ts'

/** A running API server to hold to the contract, with its controllers (garbage collection, namespaces). */
export interface ContractTarget {
  transport: Transport
  /** Without a slash at the end. */
  baseUrl: string
  stop(): Promise<void>
}

/**
 * What Adloom relies on in an API server: the same on the embedded one and on a real one. `start` is called once, and may skip.
 */
export function describeApiContract(
  name: string,
  start: (context: Pick<TestContext, 'skip'>) => Promise<ContractTarget>,
): void {
  describe(`API contract: ${name}`, () => {
    let target: ContractTarget | undefined
    let api: Api | undefined
    const namespace = `contract-${randomBytes(4).toString('hex')}`
    let names = 0
    const contract: Contract = {
      get api() {
        if (!api) throw new Error('the server is not started')
        return api
      },
      namespace,
      widgets: (...rest) => [`/apis/test.adloom.dev/v1/namespaces/${namespace}/widgets`, ...rest].join('/'),
      name: () => `w${++names}-${randomBytes(2).toString('hex')}`,
    }
    beforeEach(async (context) => {
      if (api) return
      target = await start(context)
      const started = apiOf(target.transport, target.baseUrl)
      await install(started, namespace)
      api = started
    })
    afterAll(() => target?.stop())
    const parts = {
      objectContract,
      schemaContract,
      patchContract,
      applyContract,
      readContract,
      watchContract,
      deletionContract,
      discoveryContract,
    }
    for (const part of Object.values(parts)) part(contract)
  })
}

async function install(api: Api, namespace: string): Promise<void> {
  await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetCrd)
  await api.post('/api/v1/namespaces', { metadata: { name: namespace } })
  await eventually('the CRD is served', async () => {
    const { code } = await api.get(`/apis/test.adloom.dev/v1/namespaces/${namespace}/widgets`)
    return code === 200 ? true : undefined
  })
}
