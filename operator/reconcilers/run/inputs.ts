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

/** An artifact that spec names by its digest, or by the object that makes it. */
export interface ArtifactChoice {
  readonly digest?: string | undefined
  /** Name of the object. */
  readonly name?: string | undefined
}

/** The digest of what an optional field names; undefined where the field is absent. */
export function chosenArtifact(
  lookup: Lookup,
  kind: string,
  namespace: string,
  choice: ArtifactChoice | undefined,
): Resolved<string | undefined> {
  if (choice?.name === undefined) return { ready: choice?.digest }
  const found = finishedProducer(lookup, kind, namespace, choice.name)
  return 'not' in found ? found : { ready: found.ready.digest }
}

/**
 * Whether an object waits for itself: in a circle of objects of one kind, each of which names the next, none would ever
 * start. Call it only for one that has to wait: what is finished waits for nobody.
 */
export function waitsForItself<O extends KubernetesObject>(
  object: O,
  nextOf: (object: O) => string | undefined,
  find: (name: string) => O | undefined,
): boolean {
  const seen = new Set<string>()
  let name = nextOf(object)
  while (name !== undefined && !seen.has(name)) {
    if (name === object.metadata.name) return true
    seen.add(name)
    const next = find(name)
    name = next && nextOf(next)
  }
  return false
}
