import type { RunStatus } from '../../../crds/run.ts'
import type { KubernetesObject } from '../../cluster/objects.ts'
import { isTrue } from '../../control/conditions.ts'
import type { InputState } from './observation.ts'
import type { Lookup } from './run-kind.ts'

interface Producer extends KubernetesObject {
  status?: RunStatus
}

export type Resolved<T> = { ready: T } | { not: InputState }

/** An object whose artifact is there to be used: Ready for the spec that it has now. */
export function finishedProducer<T extends Producer>(
  lookup: Lookup,
  kind: string,
  namespace: string,
  name: string,
): Resolved<T & { digest: string }> {
  const found = lookup<T>(kind, namespace, name)
  const waitFor = (message: string): Resolved<never> => ({
    not: { state: 'Waiting', message, waitingFor: [{ kind, name }] },
  })
  if (!found) return waitFor(`${kind} "${name}" does not exist yet`)
  const { status, metadata } = found
  const digest = status?.artifact?.digest
  const ready = isTrue(status?.conditions, 'Ready') && status?.observedGeneration === metadata.generation
  if (!ready || digest === undefined)
    return waitFor(`${kind} "${name}" is not Ready (${status?.state ?? 'not seen yet'})`)
  return { ready: { ...found, digest } }
}
