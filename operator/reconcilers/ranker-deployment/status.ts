import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { revisionOf } from '../../../workers/artifacts/digest.ts'
import { deriveConditions } from '../../control/conditions.ts'
import type { Online } from '../../rollout/online.ts'
import type { RolloutState } from '../../rollout/state.ts'
import { reconcileRequestAnnotation } from '../names.ts'
import { liveSettingsOf } from './auction-settings.ts'
import { type Service, trackSelector, urlOf } from './children.ts'
import type { DeploymentObservation, DeploymentPlan } from './plan.ts'

export interface StatusParts {
  ranker: RankerDeployment
  plan: DeploymentPlan
  observation: DeploymentObservation
  service: Service | undefined
  online: Online | undefined
  now: number
}

export function nextStatus({ ranker, plan, observation, service, online, now }: StatusParts): object {
  const { metadata } = ranker
  const { deployment } = observation
  const derived = deriveConditions(ranker.status?.conditions, metadata.generation ?? 0, plan.readiness, now)
  const requested = metadata.annotations?.[reconcileRequestAnnotation]
  const status = {
    ...derived,
    state: derived.conditions.find(({ type }) => type === 'Ready')?.reason,
    wantedDigest: plan.wantedDigest,
    servedDigest: plan.servedDigest,
    ...rolloutStatus(plan.rollout.state),
    canaryDigest: plan.children?.canary?.model ?? (plan.children ? undefined : observation.canary?.model),
    online,
    auctionSettings: auctionStatus(ranker, observation),
    ...(deployment
      ? {
          replicas: deployment.replicas,
          readyReplicas: deployment.readyReplicas,
          url: urlOf(ranker, service),
        }
      : {}),
    selector: Object.entries(trackSelector(metadata.name, 'stable'))
      .map((pair) => pair.join('='))
      .join(),
    lastHandledReconcileAt: requested,
  }
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined))
}

/** Kept when the spec has no such settings any more: it tells that there is a ConfigMap. */
function auctionStatus(ranker: RankerDeployment, { auction }: DeploymentObservation) {
  if (ranker.spec.serving.auction === undefined && ranker.status?.auctionSettings === undefined) return undefined
  const served = auction?.served
  return { wanted: revisionOf(liveSettingsOf(ranker)), ...(served === undefined ? {} : { served }) }
}

function rolloutStatus({ stableDigest, rollout, rejected, revisions, handled }: RolloutState) {
  return {
    stableDigest,
    rollout,
    rejected: rejected.length > 0 ? rejected : undefined,
    revisions: revisions.length > 0 ? revisions : undefined,
    lastHandledAbort: handled.abort,
    lastHandledPromote: handled.promote,
    lastHandledApprove: handled.approve,
    lastHandledRetry: handled.retry,
  }
}
