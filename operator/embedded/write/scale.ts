import { type ApiObject, asObject, asString, isObject, type JsonObject, setValueAt, valueAt } from '../json.ts'
import type { ResourceType, ScalePaths } from '../resource-type.ts'
import { badRequest } from '../status-error.ts'

/** autoscaling/v1 Scale of an object. */
export function scaleOf(object: ApiObject, paths: ScalePaths): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp }
  const selector = paths.selector && selectorText(valueAt(object, paths.selector))
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: JSON.parse(JSON.stringify(metadata)),
    spec: { replicas: valueAt(object, paths.replicas) ?? 0 },
    status: { replicas: valueAt(object, paths.statusReplicas) ?? 0, ...(selector && { selector }) },
  }
}

/** A Scale holds its selector as text; Deployments hold metav1.LabelSelector. */
function selectorText(selector: unknown): string {
  if (!isObject(selector)) return asString(selector)
  return Object.entries(asObject(selector.matchLabels))
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

/** The object with the replicas, and the version to match, of a changed Scale. */
export function withScale(type: ResourceType, object: ApiObject, paths: ScalePaths, scale: JsonObject): ApiObject {
  const replicas = valueAt(scale, ['spec', 'replicas'])
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    throw badRequest(`${type.kind}: spec.replicas of a Scale must be a whole number, not ${JSON.stringify(replicas)}`)
  }
  const changed = structuredClone(object)
  setValueAt(changed, paths.replicas, replicas)
  const { resourceVersion, uid } = asObject(scale.metadata)
  if (typeof resourceVersion === 'string') changed.metadata.resourceVersion = resourceVersion
  if (typeof uid === 'string') changed.metadata.uid = uid
  return changed
}
