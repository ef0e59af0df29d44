import { digestOf } from '../../../workers/artifacts/digest.ts'
import type { Client } from '../../cluster/client.ts'
import { ifThere } from '../../cluster/errors.ts'
import type { KubernetesObject, Resource } from '../../cluster/objects.ts'
import { formatKey, keyOf } from '../../cluster/resources.ts'

/**
 * Writes children by server-side apply, and only when there is something to write: when we want something else than
 * last time, or when somebody changed the child since. Comparing with what the server shows would not do, as it
 * defaults fields and rewrites quantities; so the first look after a start applies once, which changes nothing.
 */
export class ChildApplier {
  readonly #applied = new Map<string, string>()

  async apply(
    client: Client,
    resource: Resource,
    desired: KubernetesObject,
    present: KubernetesObject | undefined,
  ): Promise<void> {
    const key = `${resource.plural} ${formatKey(keyOf(desired))}`
    const wish = digestOf(desired)
    if (present && this.#applied.get(key) === mark(wish, present)) return
    const written = await client.apply(resource, desired, { force: true })
    this.#applied.set(key, mark(wish, written))
  }
}

/** A Deployment counts the changes of its spec; what has no generation is taken by its version. */
function mark(wish: string, { metadata }: KubernetesObject): string {
  return `${wish} ${metadata.uid} ${metadata.generation ?? metadata.resourceVersion}`
}

/** A child that is not there any more is what was wanted. */
export async function remove(
  client: Client,
  resource: Resource,
  { metadata }: Pick<KubernetesObject, 'metadata'>,
): Promise<void> {
  const { namespace = '', name, uid } = metadata
  await ifThere(client.delete(resource, { namespace, name }, uid === undefined ? {} : { uid }))
}
