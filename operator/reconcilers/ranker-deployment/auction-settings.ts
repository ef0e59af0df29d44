import {
  type AuctionSettingsDocument,
  auctionSettingsFile,
  type LiveAuctionSettings,
} from '../../../crds/auction-settings.ts'
import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { canonicalJson, revisionOf } from '../../../workers/artifacts/digest.ts'
import type { Client } from '../../cluster/client.ts'
import { ifThere } from '../../cluster/errors.ts'
import type { KubernetesObject } from '../../cluster/objects.ts'
import { CONFIG_MAP } from '../../cluster/resources.ts'
import type { OwnCondition, Readiness } from '../../control/conditions.ts'
import type { SeenAuctionSettings } from '../../rollout/auction-settings.ts'

/*
 * Settings of an auction reach Pods that serve by a ConfigMap in a volume, which the kubelet brings up to date within
 * about a minute: as a variable they would be part of the template, and each change of a reserve would replace all Pods.
 * Once made it stays as long as the ranker: without spec.serving.auction it says {}, for a file that is gone may be an
 * accident.
 */

const folder = '/etc/adloom/auction'
export const auctionVolume = { folder, file: `${folder}/${auctionSettingsFile}` }

export const auctionSettingsName = (ranker: string): string => `${ranker}-auction`

type Serving = RankerDeployment['spec']['serving']

/** What of spec.serving stands in the template of the Pods: a change of it replaces them. */
export function podServing({ auction, ...serving }: Serving): Serving {
  const candidateLists = auction?.candidateLists
  return candidateLists === undefined ? serving : { ...serving, auction: { candidateLists } }
}

export function liveSettingsOf({ spec }: RankerDeployment): LiveAuctionSettings {
  const { candidateLists: _inTheTemplate, ...live } = spec.serving.auction ?? {}
  return live
}

/**
 * The ConfigMap, of the metadata of a child.
 * @param pods that are to answer, canaries among them
 */
export function buildAuctionSettings(ranker: RankerDeployment, metadata: KubernetesObject['metadata'], pods: number) {
  const settings = liveSettingsOf(ranker)
  // Without budgets a number that an autoscaler changes is no reason to write.
  const document: AuctionSettingsDocument = { settings, ...(settings.budgets ? { pods: Math.max(1, pods) } : {}) }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [auctionSettingsFile]: canonicalJson(document) } }
}

/** Undefined for a ranker that has no such settings and never had. */
export interface SeenConfigMap {
  present: KubernetesObject | undefined
}

/** There are too few to be worth a watch, and the right to see all ConfigMaps. */
export async function seeAuctionSettings(client: Client, ranker: RankerDeployment): Promise<SeenConfigMap | undefined> {
  const { metadata, spec, status } = ranker
  if (spec.serving.auction === undefined && status?.auctionSettings === undefined) return undefined
  const key = { namespace: metadata.namespace ?? '', name: auctionSettingsName(metadata.name) }
  return { present: await ifThere(client.get<KubernetesObject>(CONFIG_MAP, key)) }
}

export const settingsNameTaken = ({ metadata }: RankerDeployment) => ({
  reason: 'NameTaken',
  message: `ConfigMap "${auctionSettingsName(metadata.name)}" is another's; rename that or this object`,
})

/** How far the settings have come. */
export interface AuctionProgress {
  wanted: string
  /** That all ready Pods answer by. */
  served?: string
  ready: number
  /** Ready Pods that do not answer by those that are wanted, those that refuse them among them. */
  behind: number
  refused: number
  /** Why one of them refuses. */
  reason?: string
}

/** @param pods what each ready Pod tells; undefined for one that was not asked yet */
export function auctionProgress(
  ranker: RankerDeployment,
  pods: readonly (SeenAuctionSettings | undefined)[],
): AuctionProgress {
  const wanted = revisionOf(liveSettingsOf(ranker))
  const revisions = new Set(pods.map((pod) => pod?.revision))
  const [served] = revisions.size === 1 ? revisions : []
  const refusals = pods.flatMap((pod) => (pod?.refused?.revision === wanted ? [pod.refused.reason] : []))
  return {
    wanted,
    ...(served === undefined ? {} : { served }),
    ready: pods.length,
    behind: pods.filter((pod) => pod?.revision !== wanted).length,
    refused: refusals.length,
    ...(refusals[0] === undefined ? {} : { reason: refusals[0] }),
  }
}

export const auctionReasons = { pending: 'AuctionSettingsPending', refused: 'AuctionSettingsRefused' } as const

export function auctionCondition(progress: AuctionProgress): OwnCondition {
  const type = 'AuctionSettingsServed'
  const { wanted, ready, behind, refused, reason } = progress
  if (refused > 0) {
    const message = `${refused} of ${ready} Pods refuse spec.serving.auction (${reason}) and go on as before; their log says why`
    return { type, status: 'False', reason: auctionReasons.refused, message }
  }
  if (behind > 0 || ready === 0) {
    const message =
      ready === 0 ? `no Pod is ready to take ${wanted}` : `${behind} of ${ready} Pods do not answer by ${wanted} yet`
    return { type, status: 'False', reason: auctionReasons.pending, message }
  }
  return { type, status: 'True', reason: 'AllPods', message: `all Pods answer by ${wanted}` }
}

/** A ranker is not what its spec says before its Pods answer by the settings; undefined: they do. */
export function auctionHold(progress: AuctionProgress): Readiness | undefined {
  const { status, reason, message } = auctionCondition(progress)
  if (status === 'True') return undefined
  return { state: reason === auctionReasons.refused ? 'stalled' : 'reconciling', reason, message }
}
