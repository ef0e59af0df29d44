import type { Client } from '../../cluster/client.ts'
import { ifThere } from '../../cluster/errors.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../../cluster/objects.ts'

/** What is known of a child whose kind the API server may lack. */
export type SeenUnwatched<T> = { isServed: false } | { isServed: true; present: T | undefined }

/** Looks whether the API server knows the kind, and for the object: there are too few to be worth a watch. */
export async function seeUnwatched<T extends KubernetesObject>(
  client: Client,
  resource: Resource,
  key: ObjectKey,
): Promise<SeenUnwatched<T>> {
  const present = await ifThere(client.get<T>(resource, key))
  if (present) return { isServed: true, present }
  const isServed = (await ifThere(client.read(`/apis/${resource.group}/${resource.version}`))) !== undefined
  return isServed ? { isServed, present } : { isServed }
}
