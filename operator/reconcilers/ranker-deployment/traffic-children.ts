import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { KubernetesObject, Resource } from '../../cluster/objects.ts'
import type { TrafficRoute } from '../../rollout/traffic.ts'
import { labels, trafficAnnotation } from '../names.ts'
import { canaryName, childMetadata, rankerSelector, stableName, trackSelector } from './children.ts'

export const HTTP_ROUTE: Resource = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  namespaced: true,
}

/** How requests are divided while there is a canary. */
export interface Split {
  canaryPercent: number
  shadowPercent: number
}

export interface HttpRoute extends KubernetesObject {
  spec: {
    rules?: {
      backendRefs?: { name: string; weight?: number }[]
      filters?: { requestMirror?: { percent?: number } }[]
    }[]
  }
  status?: {
    parents?: { conditions?: { type: string; status: string; message?: string; observedGeneration?: number }[] }[]
  }
}

/** The Service that clients use. With a proxy that heeds it, an annotation says how requests are divided. */
export function buildService(
  ranker: RankerDeployment,
  route: TrafficRoute,
  split: Split | undefined,
): KubernetesObject {
  const metadata = childMetadata(ranker)
  const annotations = route === 'Proxy' && split ? { [trafficAnnotation]: trafficOf(split) } : undefined
  return service(ranker, { ...metadata, ...(annotations ? { annotations } : {}) }, rankerSelector(metadata.name))
}

export function trafficOf({ canaryPercent, shadowPercent }: Split): string {
  return JSON.stringify({
    label: labels.track,
    weights: { stable: 100 - canaryPercent, canary: canaryPercent },
    ...(shadowPercent > 0 ? { shadow: { to: 'canary', percent: shadowPercent } } : {}),
  })
}

/** One Service a track, for an HTTPRoute to name. */
export function buildTrackServices(ranker: RankerDeployment): KubernetesObject[] {
  const { name } = ranker.metadata
  return [
    service(ranker, childMetadata(ranker, stableName(name)), trackSelector(name, 'stable')),
    service(ranker, childMetadata(ranker, canaryName(name)), trackSelector(name, 'canary')),
  ]
}

function service(ranker: RankerDeployment, metadata: object, selector: Record<string, string>): KubernetesObject {
  const { port } = ranker.spec.serving
  const made = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata as KubernetesObject['metadata'],
    spec: {
      selector,
      ports: [{ name: 'http', port, targetPort: port, protocol: 'TCP', appProtocol: 'http' }],
    },
  }
  return made
}

export function buildHttpRoute(
  ranker: RankerDeployment,
  gateway: NonNullable<RankerDeployment['spec']['rollout']['gateway']>,
  { canaryPercent, shadowPercent }: Split,
): KubernetesObject {
  const { name } = ranker.metadata
  const { port } = ranker.spec.serving
  const { hostnames, ...parent } = gateway
  const backend = (service: string) => ({ group: '', kind: 'Service', name: service, port })
  const mirror = {
    type: 'RequestMirror',
    requestMirror: { backendRef: backend(canaryName(name)), percent: shadowPercent },
  }
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: childMetadata(ranker),
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', ...parent }],
      ...(hostnames ? { hostnames } : {}),
      rules: [
        {
          ...(shadowPercent > 0 ? { filters: [mirror] } : {}),
          backendRefs: [
            { ...backend(stableName(name)), weight: 100 - canaryPercent },
            { ...backend(canaryName(name)), weight: canaryPercent },
          ],
        },
      ],
    },
  }
  return route
}

/** Whether a Gateway was told of these weights, and does not refuse the route. */
export function isRouteAt(route: HttpRoute | undefined, ranker: string, canaryPercent: number): boolean {
  const backend = route?.spec.rules?.[0]?.backendRefs?.find(({ name }) => name === canaryName(ranker))
  return backend?.weight === canaryPercent && routeProblem(route) === undefined
}

/** What a Gateway has against the route, if it says so. */
export function routeProblem(route: HttpRoute | undefined): string | undefined {
  const refused = route?.status?.parents
    ?.flatMap(({ conditions = [] }) => conditions)
    .find(({ type, status }) => (type === 'Accepted' || type === 'ResolvedRefs') && status === 'False')
  return refused && `the Gateway does not take the HTTPRoute: ${refused.message ?? refused.type}`
}
