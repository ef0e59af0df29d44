import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { digestOf, revisionOf as shortDigestOf } from '../../../workers/artifacts/digest.ts'
import type { KubernetesObject } from '../../cluster/objects.ts'
import type { Track } from '../../rollout/scraper.ts'
import { withAccelerator } from '../accelerator.ts'
import { fieldManager, labels } from '../names.ts'
import { ownerReference } from '../owner-reference.ts'
import {
  type EnvironmentVariable,
  environment,
  mergeOver,
  type PodSettings,
  restrictedPodSpec,
} from '../pod-template.ts'
import { auctionSettingsName, auctionVolume, podServing } from './auction-settings.ts'

export const modelAnnotation = 'adloom.dev/model-digest'
/** Digest of what a Deployment was to be when it was written last: tells a change of the spec that it has not had yet. */
export const wishAnnotation = 'adloom.dev/wish'

/** Who says how many Pods a Deployment has, where that is not us; tells also that there may be an autoscaler of ours. */
export const scaledByAnnotation = 'adloom.dev/scaled-by'
export type Scaler = 'HorizontalPodAutoscaler' | 'Others'

export interface Deployment extends KubernetesObject {
  spec: {
    replicas?: number
    selector?: { matchLabels?: Record<string, string> }
    template: { metadata: { annotations?: Record<string, string> } }
  }
  status?: {
    observedGeneration?: number
    replicas?: number
    updatedReplicas?: number
    readyReplicas?: number
    availableReplicas?: number
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
  }
}

export interface Service extends KubernetesObject {
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } }
}

export const rankerSelector = (name: string): Record<string, string> => ({ [labels.ranker]: name })
export const trackSelector = (name: string, track: Track): Record<string, string> => ({
  ...rankerSelector(name),
  [labels.track]: track,
})

export const canaryName = (name: string): string => `${name}-canary`
export const stableName = (name: string): string => `${name}-stable`

export function childMetadata(ranker: RankerDeployment, childName = ranker.metadata.name) {
  const { name, namespace = '' } = ranker.metadata
  return {
    name: childName,
    namespace,
    labels: {
      [labels.name]: 'adloom',
      [labels.component]: 'ranker',
      [labels.managedBy]: fieldManager,
      ...rankerSelector(name),
    },
    ownerReferences: [ownerReference(ranker)],
  }
}

export const isControlledBy = ({ metadata }: KubernetesObject, ranker: RankerDeployment): boolean =>
  metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === ranker.metadata.uid) ?? false

/** Names what a Pod serves and how, for answers and metrics. */
export const revisionOf = (ranker: RankerDeployment, model: string): string =>
  shortDigestOf({ model, serving: podServing(ranker.spec.serving) })

const eventsToken = (secretKeyRef: { name: string; key: string } | undefined): EnvironmentVariable[] =>
  secretKeyRef === undefined ? [] : [{ name: 'ADLOOM_EVENTS_TOKEN', valueFrom: { secretKeyRef } }]

export interface TrackWish {
  track: Track
  model: string
  /** Absent: left to whoever scales the Deployment. */
  replicas?: number
  scaledBy?: Scaler
}

/** @param present keeps its selector, which cannot change: one that was made before there were tracks selects both. */
export function buildDeployment(
  ranker: RankerDeployment,
  { track, model, replicas, scaledBy }: TrackWish,
  settings: PodSettings,
  present?: Deployment,
): KubernetesObject {
  const { spec, metadata } = ranker
  const revision = revisionOf(ranker, model)
  const own = restrictedPodSpec(
    {
      name: 'ranker',
      args: ['serve'],
      port: spec.serving.port,
      environment: [
        environment('ADLOOM_NAMESPACE', metadata.namespace ?? ''),
        environment('ADLOOM_NAME', metadata.name),
        environment('ADLOOM_MODEL', model),
        environment('ADLOOM_REVISION', revision),
        environment('ADLOOM_SERVING', JSON.stringify(podServing(spec.serving))),
        environment('ADLOOM_AUCTION_SETTINGS', auctionVolume.file),
        ...eventsToken(spec.serving.feedback?.tokenSecretRef),
      ],
      configMaps: [{ volume: 'auction', name: auctionSettingsName(metadata.name), mountPath: auctionVolume.folder }],
    },
    settings,
  )
  const child = childMetadata(ranker, track === 'stable' ? metadata.name : canaryName(metadata.name))
  const podLabels = { ...child.labels, [labels.track]: track, [labels.revision]: revision }
  const wish = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...child, labels: { ...child.labels, [labels.track]: track } },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      progressDeadlineSeconds: spec.progressDeadlineSeconds,
      selector: { matchLabels: present?.spec.selector?.matchLabels ?? trackSelector(metadata.name, track) },
      // The old Pods answer until as many new ones have loaded the model.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: { ...spec.template?.metadata?.labels, ...podLabels },
          annotations: { ...spec.template?.metadata?.annotations, [modelAnnotation]: model },
        },
        spec: mergeOver(withAccelerator(own, 'ranker', spec.accelerator), spec.template?.spec),
      },
    },
  }
  const annotations = {
    [wishAnnotation]: digestOf(wish.spec as Parameters<typeof digestOf>[0]),
    ...(scaledBy === undefined ? {} : { [scaledByAnnotation]: scaledBy }),
  }
  return { ...wish, metadata: { ...wish.metadata, annotations } } as KubernetesObject
}

/** Where a request goes: the address outside where the Service has one, else its name inside the cluster. */
export function urlOf(ranker: RankerDeployment, service: Service | undefined): string {
  const { name, namespace } = ranker.metadata
  const outside = service?.status?.loadBalancer?.ingress?.[0]
  const host = outside?.ip ?? outside?.hostname ?? `${name}.${namespace}.svc`
  return `http://${host}:${ranker.spec.serving.port}`
}
