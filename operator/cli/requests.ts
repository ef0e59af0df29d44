import { rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { rankerPipeline } from '../../crds/kinds/ranker-pipeline.ts'
import { workerPool } from '../../crds/kinds/worker-pool.ts'
import { kinds } from '../../crds/kinds.ts'
import {
  abortAnnotation,
  approveAnnotation,
  promoteAnnotation,
  retrainAnnotation,
  retryAnnotation,
} from '../reconcilers/names.ts'
import { type ObjectCommand, parseObject, withApiServer } from './named-object.ts'
import { UsageError } from './usage-error.ts'
import type { Verb } from './verbs.ts'

const all = kinds.map(({ kind }) => kind)
const rollouts = rankerDeployment.kind
const pipelines = rankerPipeline.kind
const runs = all.filter((kind) => ![rollouts, pipelines, workerPool.kind].includes(kind))

interface Request {
  /** Kinds that follow it. */
  of: readonly string[]
  /** The part of the object that asks; `value` is new each time, or what the user names. */
  patch(value: string): object
}

const annotated = (annotation: string) => (value: string) => ({ metadata: { annotations: { [annotation]: value } } })
const suspended = (suspend: boolean) => () => ({ spec: { suspend } })

const requests: Record<Verb, Request> = {
  approve: { of: [rollouts], patch: annotated(approveAnnotation) },
  abort: { of: [rollouts, pipelines], patch: annotated(abortAnnotation) },
  promote: { of: [rollouts, pipelines], patch: annotated(promoteAnnotation) },
  retry: { of: [...runs, rollouts], patch: annotated(retryAnnotation) },
  retrain: { of: [pipelines], patch: annotated(retrainAnnotation) },
  suspend: { of: all, patch: suspended(true) },
  resume: { of: all, patch: suspended(false) },
}

export interface RequestCommand extends ObjectCommand {
  digest?: string
}

/** @throws when the kind does not follow the request */
export function patchOf(verb: Verb, kind: string, now: string, digest?: string): object {
  const { of, patch } = requests[verb]
  if (!of.includes(kind)) {
    const possible = Object.entries(requests).flatMap(([name, request]) => (request.of.includes(kind) ? [name] : []))
    throw new UsageError(`a ${kind} does not ${verb}; what can be asked of it: ${possible.join(', ')}`)
  }
  if (digest !== undefined && kind !== pipelines)
    throw new UsageError('--digest names a model for promote rankerpipeline/NAME; a rollout takes the one it has')
  return patch(digest ?? now)
}

/** Leaves the request at the object, for the operator to follow. */
export async function ask(verb: Verb, object: string, command: RequestCommand, now = Date.now()): Promise<void> {
  const { kind, resource, name } = parseObject(object)
  const patch = patchOf(verb, kind, new Date(now).toISOString(), command.digest)
  const { namespace } = command
  await withApiServer(command, (client) => client.mergePatch(resource, { namespace, name }, patch))
  const look = `kubectl -n ${namespace} get ${resource.plural} ${name} --watch`
  console.log(`${kind} ${namespace}/${name} is asked to ${verb}; follow it by: ${look}`)
}
