import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import type { RunStatus } from '../../crds/run.ts'
import { createClient } from '../cluster/client.ts'
import { createHttpTransport, loadKubeConfig } from '../cluster/http-transport.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { UsageError } from './usage-error.ts'

export interface LogsCommand {
  kubeconfig?: string
  directory: string
  namespace: string
  follow?: boolean
  tail?: number
}

interface Run extends KubernetesObject {
  status?: RunStatus
}

/** Prints the log of the Pod that status names. */
export async function printLog(object: string, command: LogsCommand): Promise<void> {
  const [word = '', name = ''] = object.split('/')
  const definition = kinds.find(({ kind, plural, shortNames }) =>
    [kind.toLowerCase(), plural, ...shortNames].includes(word.toLowerCase()),
  )
  if (!definition || !name) throw new UsageError(`"${object}" is no object; write it like trainingrun/NAME`)
  const local = join(command.directory, 'kubeconfig')
  const http = createHttpTransport(loadKubeConfig(command.kubeconfig ?? (existsSync(local) ? local : undefined)))
  try {
    const client = createClient({ ...http, fieldManager: 'adloom-cli', userAgent: 'adloom-cli' })
    const { namespace } = command
    const run = await client.get<Run>(resourceOf(definition), { namespace, name })
    const pod = run.status?.worker?.pod
    if (pod === undefined)
      throw new UsageError(`no worker has taken ${object} yet (${run.status?.state ?? 'not seen'})`)
    const query = new URLSearchParams({
      ...(command.follow ? { follow: 'true' } : {}),
      ...(command.tail === undefined ? {} : { tailLines: String(command.tail) }),
    })
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?${query}`
    const response = await http.transport(new Request(new URL(http.server + path)))
    if (!response.ok || !response.body) {
      throw new UsageError(`the log of Pod ${pod} cannot be read: ${(await response.text()).slice(0, 500)}`)
    }
    for await (const chunk of response.body) process.stdout.write(chunk)
  } finally {
    await http.close()
  }
}
