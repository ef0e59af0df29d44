import type { Accelerator } from '../../crds/accelerator.ts'
import { mergeOver } from './pod-template.ts'

/** A PodSpec whose container gets the devices, on nodes that have them. An extended resource is limited to its request. */
export function withAccelerator(
  podSpec: Record<string, unknown>,
  container: string,
  accelerator: Accelerator | undefined,
): unknown {
  if (!accelerator) return podSpec
  const { resource, count, nodeSelector, tolerations, runtimeClassName } = accelerator
  const devices = { [resource]: String(count) }
  return mergeOver(podSpec, {
    containers: [{ name: container, resources: { requests: devices, limits: devices } }],
    ...(nodeSelector ? { nodeSelector } : {}),
    ...(tolerations ? { tolerations } : {}),
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
  })
}
