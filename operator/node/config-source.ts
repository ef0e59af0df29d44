import type { Client } from '../cluster/client.ts'
import { ifThere } from '../cluster/errors.ts'
import type { KubernetesObject, Resource } from '../cluster/objects.ts'
import { CONFIG_MAP, SECRET } from '../cluster/resources.ts'
import type { ConfigSource, KeyValues } from './environment.ts'

interface ConfigObject extends KubernetesObject {
  data?: Record<string, string>
  binaryData?: Record<string, string>
}

/** Secrets and ConfigMaps of one namespace, read from the API each time. */
export function configSource(client: Pick<Client, 'get'>, namespace: string): ConfigSource {
  const read = (resource: Resource, name: string) => ifThere(client.get<ConfigObject>(resource, { namespace, name }))
  return {
    async secret(name) {
      const secret = await read(SECRET, name)
      return secret && decode(secret.data, 'base64')
    },
    async configMap(name) {
      const map = await read(CONFIG_MAP, name)
      return map && { ...decode(map.data, 'utf8'), ...decode(map.binaryData, 'base64') }
    },
  }
}

function decode(data: Record<string, string> | undefined, encoding: 'base64' | 'utf8'): NonNullable<KeyValues> {
  return Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, encoding)]))
}
