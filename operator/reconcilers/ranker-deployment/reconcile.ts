import { resourceOf } from '../../../crds/kind.ts'
import { type RankerDeployment, rankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { revisionOf } from '../../../workers/artifacts/digest.ts'
import { timestamp } from '../../cluster/clock.ts'
import type { ObjectKey } from '../../cluster/objects.ts'
import { formatKey } from '../../cluster/resources.ts'
import type { Reconcile } from '../../control/controller.ts'
import type { EventRecorder } from '../../control/events.ts'
import { done, type Outcome, requeueAfter } from '../../control/outcome.ts'
import { StatusWriter } from '../../control/status-writer.ts'
import { type Distributions, distributionsOf, measureOnline, nextOnline, type Online } from '../../rollout/online.ts'
import type { Target } from '../../rollout/scraper.ts'
import { labels } from '../names.ts'
import { isPodReady } from '../pod-template.ts'
import { act } from './act.ts'
import { liveSettingsOf, seeAuctionSettings } from './auction-settings.ts'
import { seeAutoscaler } from './autoscaler.ts'
import { ChildApplier } from './child-applier.ts'
import { seeGateway } from './gateway.ts'
import { type ObserverOptions, observe } from './observe.ts'
import { type DeploymentObservation, type DeploymentPlan, planDeployment, reasons } from './plan.ts'
import { nextStatus } from './status.ts'

export interface RankerDeploymentReconcilerOptions extends ObserverOptions {
  get(key: ObjectKey): RankerDeployment | undefined
  wake(kind: string, key: string): void
  events: EventRecorder
}

/** A store tells nobody when an artifact comes back. */
const missingArtifactMs = 5000
/** Pods that go, and routes, are not watched. */
const unwatchedMs = 2000
/** Nor is an autoscaler, which has news only when it is made, or loses or finds its metrics. */
const autoscalerMs = 30_000
const settingsScrapeMs = 2000
const analysisScrapeMs = 5000
const onlineScrapeMs = 30_000
const onlineMs = 60_000
/** Of the distributions that later ones are compared with. */
const referenceMs = 3_600_000

export function createRankerDeploymentReconciler(options: RankerDeploymentReconcilerOptions): Reconcile {
  const writer = new StatusWriter({ resource: resourceOf(rankerDeployment), clock: options.clock })
  const children = new ChildApplier()
  const references = new References()
  return async (key, { client }) => {
    const ranker = options.get(key)
    // Children go by garbage collection.
    if (!ranker || ranker.metadata.deletionTimestamp !== undefined) {
      options.scraper?.forget(formatKey(key))
      references.forget(formatKey(key))
      return done()
    }
    followPods(ranker, key, options)
    const seen = {
      gateway: await seeGateway(client, ranker),
      autoscaler: ranker.spec.autoscaling && (await seeAutoscaler(client, key)),
      auction: await seeAuctionSettings(client, ranker),
    }
    const observation = await observe(ranker, key, seen, options)
    const plan = planDeployment(observation)
    for (const { kind, name } of plan.wake) options.wake(kind, formatKey({ namespace: key.namespace ?? '', name }))
    recordTransitions(ranker, plan, options)
    const online = seeOnline(ranker, plan, references, options)
    const service = options.service(key)
    const status = nextStatus({ ranker, plan, observation, service, online, now: options.clock.now() })
    // First what was decided, then what follows from it: an analysis that passed is not made again by an operator that
    // fell over, and whatever was not done yet follows from status at the next look.
    await writer.write(client, ranker, status)
    if (plan.children) await act(ranker, plan.children, observation.route, seen, { ...options, client, children })
    return nextLook(plan, observation, options)
  }
}

function followPods(
  ranker: RankerDeployment,
  key: ObjectKey,
  { scraper, pods }: RankerDeploymentReconcilerOptions,
): void {
  const { port } = ranker.spec.serving
  const targets = (): Target[] =>
    pods(key.namespace ?? '', key.name)
      .filter((pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined)
      .map(({ metadata, status }) => ({
        uid: metadata.uid ?? '',
        track: metadata.labels?.[labels.track] === 'canary' ? 'canary' : 'stable',
        url: `http://${host(status?.podIP ?? '')}:${port}/metrics`,
      }))
  scraper?.follow(formatKey(key), scrapePeriodOf(ranker), targets)
}

function scrapePeriodOf(ranker: RankerDeployment): number {
  const { spec, status } = ranker
  // The kubelet takes a minute at worst; whoever changed a price waits for it.
  const isAwaited =
    spec.serving.auction !== undefined &&
    !spec.suspend &&
    status?.auctionSettings?.served !== revisionOf(liveSettingsOf(ranker))
  if (isAwaited) return settingsScrapeMs
  return status?.rollout ? analysisScrapeMs : onlineScrapeMs
}

const host = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip)

const isComplete = ({ scores, codes }: Distributions): boolean => scores !== undefined && codes !== undefined

/** What the first hour of a model was like, in memory. */
class References {
  readonly #known = new Map<string, { digest: string; distributions: Distributions }>()

  of(key: string, digest: string): Distributions {
    const known = this.#known.get(key)
    return known?.digest === digest ? known.distributions : {}
  }

  /** What is known already stays as it was. */
  keep(key: string, digest: string, distributions: Distributions): void {
    this.#known.set(key, { digest, distributions: { ...distributions, ...this.of(key, digest) } })
  }

  forget(key: string): void {
    this.#known.delete(key)
  }
}

/** status.online, looked at once a minute. What the stable model before did says nothing of the present one. */
function seeOnline(
  ranker: RankerDeployment,
  { rollout: { state } }: DeploymentPlan,
  references: References,
  { scraper, clock }: RankerDeploymentReconcilerOptions,
): Online | undefined {
  const { stableDigest } = state
  const before = ranker.status?.online?.digest === stableDigest ? ranker.status?.online : undefined
  if (!scraper || stableDigest === undefined) return before
  const { namespace = '', name } = ranker.metadata
  const key = formatKey({ namespace, name })
  const window = scraper.window(key, `online ${stableDigest}`)
  if (!window || window.observedAt - window.startedAt < onlineMs) return before
  scraper.closeWindow(key, `online ${stableDigest}`)
  if (!isComplete(references.of(key, stableDigest))) {
    const id = `reference ${stableDigest}`
    const first = scraper.window(key, id)
    if (first && clock.now() - first.startedAt >= referenceMs)
      references.keep(key, stableDigest, distributionsOf(first.stable.counts))
    // Each window that is open is counted at each scrape.
    if (isComplete(references.of(key, stableDigest))) scraper.closeWindow(key, id)
  }
  const seen = measureOnline(window, references.of(key, stableDigest))
  return nextOnline(before, seen, { digest: stableDigest, observedAt: timestamp(window.observedAt) })
}

function recordTransitions(
  ranker: RankerDeployment,
  { readiness: { state, reason, message }, rollout: { transitions } }: DeploymentPlan,
  { events }: RankerDeploymentReconcilerOptions,
): void {
  for (const transition of transitions)
    events.record(ranker, {
      type: transition.isWarning ? 'Warning' : 'Normal',
      reason: transition.reason,
      action: 'Rollout',
      note: transition.message,
    })
  if (ranker.status?.state === reason || transitions.some((one) => one.reason === reason)) return
  events.record(ranker, {
    type: state === 'stalled' ? 'Warning' : 'Normal',
    reason,
    action: 'Reconcile',
    note: message,
  })
}

function nextLook(
  { readiness, rollout, children }: DeploymentPlan,
  observation: DeploymentObservation,
  { scraper }: RankerDeploymentReconcilerOptions,
): Outcome {
  const { state, waitMs } = rollout
  const isGoing = !state.rollout && children && (observation.canaryPods > 0 || observation.canary)
  const waits = [
    waitMs,
    ...(readiness.reason === reasons.artifactMissing ? [missingArtifactMs] : []),
    ...(isGoing || (observation.route === 'Gateway' && state.rollout) ? [unwatchedMs] : []),
    ...(observation.autoscaling ? [autoscalerMs] : []),
    ...(scraper && state.stableDigest !== undefined ? [onlineMs] : []),
  ]
  const wait = Math.min(...waits)
  return Number.isFinite(wait) ? requeueAfter(Math.max(wait, 0)) : done()
}
