import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { Client } from '../../cluster/client.ts'
import { DEPLOYMENT } from '../../cluster/resources.ts'
import {
  buildAutoscaler,
  HORIZONTAL_POD_AUTOSCALER,
  isAsWanted,
  type SeenAutoscaler,
  seeAutoscaler,
} from './autoscaler.ts'
import { remove } from './child-applier.ts'
import { type Deployment, isControlledBy, scaledByAnnotation } from './children.ts'

/** Owns the number of Pods from the moment when we let go of it until somebody else sets it. */
const handoverManager = 'adloom-handover'

/**
 * A field that its only owner applies no more goes back to its default: four Pods would become one. So the number gets
 * another owner before we leave it out (Kubernetes documentation, Server-Side Apply, "Transferring ownership"), once.
 */
export async function handReplicasOver(
  client: Client,
  { spec: { autoscaling } }: RankerDeployment,
  { metadata, spec }: Deployment,
): Promise<void> {
  if (metadata.annotations?.[scaledByAnnotation] !== undefined) return
  const { name, namespace = '', uid } = metadata
  const { minReplicas, maxReplicas } = autoscaling ?? { minReplicas: 0, maxReplicas: Number.POSITIVE_INFINITY }
  // An autoscaler leaves a Deployment of no Pods alone.
  const replicas = Math.min(Math.max(spec.replicas ?? 1, minReplicas), maxReplicas)
  const handover = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, ...(uid === undefined ? {} : { uid }) },
    spec: { replicas },
  }
  await client.apply(DEPLOYMENT, handover, { force: true, fieldManager: handoverManager })
}

/** The server counts no generations of it, and its status changes all the time: what is there is compared. */
export async function applyAutoscaler(
  client: Client,
  ranker: RankerDeployment,
  { mayScaleIn }: { mayScaleIn: boolean },
  seen: SeenAutoscaler | undefined,
): Promise<void> {
  const { autoscaling } = ranker.spec
  if (!autoscaling || !seen?.isServed) return
  const wanted = buildAutoscaler(ranker, autoscaling, mayScaleIn)
  if (seen.present && isAsWanted(seen.present.spec, wanted.spec)) return
  await client.apply(HORIZONTAL_POD_AUTOSCALER, wanted, { force: true })
}

/** Before the number is ours again. The mark on the Deployment, which goes after it, tells that there may be one. */
export async function leaveAutoscaler(
  client: Client,
  ranker: RankerDeployment,
  present: Deployment | undefined,
): Promise<void> {
  if (present?.metadata.annotations?.[scaledByAnnotation] !== 'HorizontalPodAutoscaler') return
  const { name, namespace = '' } = ranker.metadata
  const seen = await seeAutoscaler(client, { namespace, name })
  if (seen.isServed && seen.present && isControlledBy(seen.present, ranker))
    await remove(client, HORIZONTAL_POD_AUTOSCALER, seen.present)
}
