import type { Client } from '../cluster/client.ts'
import { ifThere } from '../cluster/errors.ts'
import type { KubernetesObject, Resource } from '../cluster/objects.ts'
import { keyOf } from '../cluster/resources.ts'

export function hasFinalizer(object: KubernetesObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false
}

/**
 * Adds the finalizer; to be done before the first effect outside the object. Gives the object as it is then: the same
 * one if there was nothing to do, which is also so when it is being deleted already.
 *
 * @throws ConflictError when the object has changed: requeue.
 */
export async function addFinalizer<T extends KubernetesObject>(
  client: Client,
  resource: Resource,
  object: T,
  finalizer: string,
): Promise<T> {
  if (object.metadata.deletionTimestamp !== undefined || hasFinalizer(object, finalizer)) return object
  return patchFinalizers<T>(client, resource, object, [...(object.metadata.finalizers ?? []), finalizer])
}

/**
 * Removes the finalizer under the object's resourceVersion, so that no change of another controller to the same list
 * is lost (Kueue KEP-3899). An object that is gone already is as it should be.
 *
 * @throws ConflictError when the object has changed: requeue.
 */
export async function removeFinalizer(
  client: Client,
  resource: Resource,
  object: KubernetesObject,
  finalizer: string,
): Promise<void> {
  if (!hasFinalizer(object, finalizer)) return
  const left = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer)
  await ifThere(patchFinalizers(client, resource, object, left))
}

function patchFinalizers<T extends KubernetesObject>(
  client: Client,
  resource: Resource,
  object: T,
  finalizers: string[],
): Promise<T> {
  const { uid, resourceVersion } = object.metadata
  return client.mergePatch<T>(resource, keyOf(object), { metadata: { uid, resourceVersion, finalizers } })
}
