import { stringify } from 'yaml'
import { customResourceDefinition } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import type { Client } from '../cluster/client.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { CUSTOM_RESOURCE_DEFINITION } from '../cluster/resources.ts'

export function printDefinitions(): void {
  console.log(kinds.map((kind) => stringify(customResourceDefinition(kind))).join('---\n'))
}

/** Applies all definitions and waits until the server serves them. */
export async function installDefinitions(client: Client): Promise<void> {
  for (const kind of kinds) {
    const definition = customResourceDefinition(kind) as KubernetesObject
    await client.apply(CUSTOM_RESOURCE_DEFINITION, definition, { force: true })
  }
  for (const kind of kinds) {
    const name = customResourceDefinition(kind).metadata.name
    while (!(await isEstablished(client, name))) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

interface Definition extends KubernetesObject {
  status?: { conditions?: { type: string; status: string }[] }
}

async function isEstablished(client: Client, name: string): Promise<boolean> {
  const { status } = await client.get<Definition>(CUSTOM_RESOURCE_DEFINITION, { name })
  return status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True') ?? false
}
