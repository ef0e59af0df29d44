import type { KubernetesObject } from '../cluster/objects.ts'

const annotation = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * The manifest with itself in the annotation that `kubectl apply` goes by: only so does a later file that leaves a field
 * out take it away. Without it the field of the first file stays, and the two may not go together.
 */
export function withLastApplied<Manifest extends KubernetesObject>(manifest: Manifest): Manifest {
  const { metadata } = manifest
  const { [annotation]: _before, ...annotations } = metadata.annotations ?? {}
  const applied = `${JSON.stringify({ ...manifest, metadata: { ...metadata, annotations } })}\n`
  return { ...manifest, metadata: { ...metadata, annotations: { ...annotations, [annotation]: applied } } }
}
