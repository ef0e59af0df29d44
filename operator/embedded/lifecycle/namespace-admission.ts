import { namespaceType } from '../builtin/types.ts'
import type { ResourceType } from '../resource-type.ts'
import { forbidden, notFound } from '../status-error.ts'
import type { Store } from '../store.ts'

/** @throws StatusError 404 for a missing namespace, 403 for one that is on its way out. */
export function admitToNamespace(store: Store, type: ResourceType, namespace: string, name: string): void {
  const found = store.get(namespaceType.storage, undefined, namespace)
  if (!found) throw notFound(namespaceType, namespace)
  if (found.metadata.deletionTimestamp === undefined) return
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  throw forbidden(type, name, why, [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ])
}
