import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { Client } from '../../cluster/client.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../../cluster/objects.ts'
import { CONFIG_MAP, DEPLOYMENT, keyOf, SERVICE } from '../../cluster/resources.ts'
import type { TrafficRoute } from '../../rollout/traffic.ts'
import type { PodSettings } from '../pod-template.ts'
import { auctionSettingsName, buildAuctionSettings } from './auction-settings.ts'
import { type ChildApplier, remove } from './child-applier.ts'
import {
  buildDeployment,
  canaryName,
  childMetadata,
  type Deployment,
  isControlledBy,
  type Scaler,
  type Service,
  stableName,
} from './children.ts'
import type { SeenChildren } from './observe.ts'
import type { ChildrenWish } from './plan.ts'
import { applyAutoscaler, handReplicasOver, leaveAutoscaler } from './scaling.ts'
import {
  buildHttpRoute,
  buildService,
  buildTrackServices,
  HTTP_ROUTE,
  type HttpRoute,
  type Split,
} from './traffic-children.ts'

export interface ActOptions {
  client: Client
  children: ChildApplier
  deployment(key: ObjectKey): Deployment | undefined
  service(key: ObjectKey): Service | undefined
  podSettings: PodSettings
}

/**
 * Makes the children what the plan wants. Requests are led away before Pods go: the order is traffic, stable, canary. A
 * canary only gets requests when its Pods answer, so that new Pods come a look before their requests.
 *
 * @throws ShadowPrunedError
 */
export async function act(
  ranker: RankerDeployment,
  wish: ChildrenWish,
  route: TrafficRoute,
  { gateway, autoscaler, auction }: SeenChildren,
  options: ActOptions,
): Promise<void> {
  const { client, children, podSettings } = options
  const { namespace = '', name } = ranker.metadata
  const apply = (resource: Resource, desired: KubernetesObject, present: KubernetesObject | undefined) =>
    children.apply(client, resource, desired, present)
  await apply(SERVICE, buildService(ranker, route, wish.split), options.service({ namespace, name }))
  if (gateway?.isServed) await actOnGateway(ranker, wish.split, gateway.present, options)
  else if (!ranker.spec.rollout.gateway) await leaveGateway(ranker, options)
  const present = options.deployment({ namespace, name })
  // Before the Pods, so that a new one has it from its start.
  if (auction && (!auction.present || isControlledBy(auction.present, ranker))) {
    const pods = (wish.stable.replicas ?? present?.spec.replicas ?? 1) + (wish.canary?.replicas ?? 0)
    const metadata = childMetadata(ranker, auctionSettingsName(name))
    await apply(CONFIG_MAP, buildAuctionSettings(ranker, metadata, pods), auction.present)
  }
  if (!wish.autoscaler) await leaveAutoscaler(client, ranker, present)
  const scaledBy: { scaledBy?: Scaler } =
    wish.stable.replicas === undefined ? { scaledBy: wish.autoscaler ? 'HorizontalPodAutoscaler' : 'Others' } : {}
  if (scaledBy.scaledBy && present) await handReplicasOver(client, ranker, present)
  const stable = buildDeployment(ranker, { track: 'stable', ...wish.stable, ...scaledBy }, podSettings, present)
  await apply(DEPLOYMENT, stable, present)
  if (wish.autoscaler) await applyAutoscaler(client, ranker, wish.autoscaler, autoscaler)
  const canaryKey = { namespace, name: canaryName(name) }
  const canary = options.deployment(canaryKey)
  if (wish.canary)
    await apply(DEPLOYMENT, buildDeployment(ranker, { track: 'canary', ...wish.canary }, podSettings, canary), canary)
  else if (canary && isControlledBy(canary, ranker)) await remove(client, DEPLOYMENT, canary)
}

async function actOnGateway(
  ranker: RankerDeployment,
  split: Split | undefined,
  present: HttpRoute | undefined,
  { client, children, service }: ActOptions,
): Promise<void> {
  const { gateway } = ranker.spec.rollout
  if (!gateway) return
  for (const wanted of buildTrackServices(ranker)) await children.apply(client, SERVICE, wanted, service(keyOf(wanted)))
  const route = buildHttpRoute(ranker, gateway, split ?? { canaryPercent: 0, shadowPercent: 0 })
  await children.apply(client, HTTP_ROUTE, route, present)
}

/** The Service of a track is there exactly while a Gateway was named: it tells that there may be a route. */
async function leaveGateway(ranker: RankerDeployment, { client, service }: ActOptions): Promise<void> {
  const { namespace = '', name } = ranker.metadata
  // The last one to go tells again, should the operator fall over in between.
  const left = [canaryName(name), stableName(name)]
    .map((one) => service({ namespace, name: one }))
    .filter((one): one is Service => one !== undefined && isControlledBy(one, ranker))
  if (left.length === 0) return
  await remove(client, HTTP_ROUTE, { metadata: { name, namespace } })
  for (const one of left) await remove(client, SERVICE, one)
}
