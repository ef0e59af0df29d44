import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject, ObjectKey } from '../../cluster/objects.ts'

/** Index of the RankerDeployments that follow a pipeline. */
export const pipelineIndex = 'pipeline'

interface Follower extends KubernetesObject {
  spec?: { model?: { pipelineRef?: { name: string } } }
  status?: { stableDigest?: string; rejected?: unknown; online?: unknown }
}

/** The pipeline whose champion a RankerDeployment serves. */
export function followedPipelines(object: KubernetesObject): ObjectKey[] {
  const { spec, metadata } = object as Follower
  const name = spec?.model?.pipelineRef?.name
  return name === undefined ? [] : [{ namespace: metadata.namespace ?? '', name }]
}

/** Whether a RankerDeployment has something new to say of the champion. */
export function followersChanged(before: KubernetesObject, after: KubernetesObject): boolean {
  const said = ({ spec, status }: Follower) => [
    spec?.model?.pipelineRef?.name,
    status?.stableDigest,
    status?.rejected,
    status?.online,
  ]
  return !isDeepStrictEqual(said(before), said(after))
}
