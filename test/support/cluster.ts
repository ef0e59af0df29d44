import { randomBytes } from 'node:crypto'
import { inject, type TestContext } from 'vitest'
import { customResourceDefinition } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { type Client, createClient } from '../../operator/cluster/client.ts'
import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import type { Condition, KubernetesObject } from '../../operator/cluster/objects.ts'
import { CUSTOM_RESOURCE_DEFINITION, NAMESPACE } from '../../operator/cluster/resources.ts'
import { askForControlPlane, type SharedControlPlane } from './control-plane/broker.ts'

/**
 * The control plane that all tests of the project `cluster` share; starts it on the first call and waits for a build
 * that is under way. Tests keep apart by namespaces of their own. Skips the calling test, with the reason, where a
 * control plane is not to be had.
 *
 * @throws when the build or the start failed.
 */
export async function sharedControlPlane(context: Pick<TestContext, 'skip'>): Promise<SharedControlPlane> {
  const answer = await askForControlPlane(inject('controlPlaneSocket'))
  if ('error' in answer) throw new Error(answer.error)
  if ('reason' in answer) return context.skip(answer.reason)
  return answer
}

/** Our own client, as the administrator of the kubeconfig. */
export function connect(kubeconfig: string): { client: Client; close(): Promise<void> } {
  const { transport, server, close } = createHttpTransport(loadKubeConfig(kubeconfig))
  return { client: createClient({ transport, server, fieldManager: 'adloom-test', userAgent: 'adloom-test' }), close }
}

/** Applies the definitions of all our kinds and waits until the server serves them. */
export async function installKinds(client: Client): Promise<void> {
  for (const kind of kinds) {
    await client.apply(CUSTOM_RESOURCE_DEFINITION, customResourceDefinition(kind), { force: true })
    await untilEstablished(client, `${kind.plural}.adloom.dev`)
  }
}

interface CustomResourceDefinition extends KubernetesObject {
  status?: { conditions?: Condition[] }
}

/** @throws with the server's words when it refuses the definition or does not serve it within ten seconds. */
export async function untilEstablished(client: Client, name: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const definition = await client.get<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITION, { name })
    const conditions = definition.status?.conditions ?? []
    const problem = conditions.find(({ type, status }) => type === 'NonStructuralSchema' && status === 'True')
    if (problem) throw new Error(`${name} is no structural schema: ${problem.message}`)
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${name} is not served after ten seconds`)
}

/** A namespace that no other test has. The server ends with the test run: nobody has to delete it. */
export async function createNamespace(client: Client, prefix: string): Promise<string> {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`
  await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}
