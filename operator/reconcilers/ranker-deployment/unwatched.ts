import type { Client } from '../../cluster/client.ts'
import { NotFoundError } from '../../cluster/errors.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../../cluster/objects.ts'

/** What is known of a child whose kind the API server may lack. */
export type SeenUnwatched<T> = { isServed: false } | { isServed: true; present: T | undefined }

/** Looks whether the API server knows the kind, and for the object: there are too few to be worth a watch. */
export async function seeUnwatched<T extends KubernetesObject>(
  client: Client,
  resource: Resource,
  key: ObjectKey,
): Promise<SeenUnwatched<T>> {
  const present = await orMissing(client.get<T>(resource, key))
  if (present) return { isServed: true, present }
  const isServed = (await orMissing(client.read(`/apis/${resource.group}/${resource.version}`))) !== undefined
  return isServed ? { isServed, present } : { isServed }
}

async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
