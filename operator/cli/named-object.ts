import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { type Client, createClient } from '../cluster/client.ts'
import { createHttpTransport, type HttpTransport, loadKubeConfig } from '../cluster/http-transport.ts'
import type { Resource } from '../cluster/objects.ts'
import { UsageError } from './usage-error.ts'

/** Options of the commands that look at one object or ask something of it. */
export interface ObjectCommand {
  kubeconfig?: string
  /** Of `adloom up`; its API server is taken where it is there and no kubeconfig is given. */
  directory: string
  namespace: string
}

export interface NamedObject {
  kind: string
  resource: Resource
  name: string
}

/** @throws when `text` is not like trainingrun/NAME, tr/NAME or trainingruns/NAME */
export function parseObject(text: string): NamedObject {
  const [word = '', name = '', ...rest] = text.split('/')
  const definition = kinds.find(({ kind, plural, shortNames }) =>
    [kind.toLowerCase(), plural, ...shortNames].includes(word.toLowerCase()),
  )
  if (!definition || !name || rest.length > 0)
    throw new UsageError(`"${text}" is no object; write it like trainingrun/NAME`)
  return { kind: definition.kind, resource: resourceOf(definition), name }
}

export async function withApiServer<T>(
  command: ObjectCommand,
  call: (client: Client, http: HttpTransport) => Promise<T>,
): Promise<T> {
  const local = join(command.directory, 'kubeconfig')
  const http = createHttpTransport(loadKubeConfig(command.kubeconfig ?? (existsSync(local) ? local : undefined)))
  try {
    return await call(createClient({ ...http, fieldManager: 'adloom-cli', userAgent: 'adloom-cli' }), http)
  } finally {
    await http.close()
  }
}
