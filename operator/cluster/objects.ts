/** What every object of the Kubernetes API carries. Kinds of their own extend it with `spec` and `status`. */
export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

export interface ObjectMeta {
  name: string
  namespace?: string
  generateName?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
  managedFields?: unknown[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** metav1.Condition; limits in the API reference: type 316, reason 1024, message 32768 characters. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason: string
  message: string
  lastTransitionTime: string
  observedGeneration?: number
}

/** Where a kind lives in the API: enough to build every path to it. */
export interface Resource {
  /** Empty for the core group. */
  group: string
  version: string
  kind: string
  plural: string
  namespaced: boolean
}

export interface ObjectKey {
  namespace?: string
  name: string
}

/** What the server answers instead of an object when it refuses (metav1.Status). */
export interface StatusBody {
  kind: 'Status'
  apiVersion: 'v1'
  status: 'Success' | 'Failure'
  message: string
  reason: string
  code: number
  details?: {
    name?: string
    group?: string
    kind?: string
    uid?: string
    retryAfterSeconds?: number
    causes?: { reason?: string; message?: string; field?: string }[]
  }
}

/** One line of a watch. A BOOKMARK's object carries its resourceVersion alone, an ERROR's object is a StatusBody. */
export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: T
}
