import type { RunStatus } from '../../crds/run.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { type ObjectCommand, parseObject, withApiServer } from './named-object.ts'
import { UsageError } from './usage-error.ts'

export interface LogsCommand extends ObjectCommand {
  follow?: boolean
  tail?: number
}

interface Run extends KubernetesObject {
  status?: RunStatus
}

/** Prints the log of the Pod that status names. */
export async function printLog(object: string, command: LogsCommand): Promise<void> {
  const { resource, name } = parseObject(object)
  await withApiServer(command, async (client, http) => {
    const { namespace } = command
    const run = await client.get<Run>(resource, { namespace, name })
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
  })
}
