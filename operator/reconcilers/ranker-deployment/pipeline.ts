import type { KubernetesObject } from '../../cluster/objects.ts'

/** The part of a RankerPipeline that a deployment follows. */
export interface RankerPipeline extends KubernetesObject {
  status?: { champion?: { digest: string } }
}
