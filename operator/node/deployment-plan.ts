/** Pure planning of a Deployment's Pods: what to create and delete now, given what is there. */

export interface PlannedPod {
  name: string
  uid: string
  /** Digest of the template that it was made from. */
  templateHash: string
  ready: boolean
  /** Ready for at least minReadySeconds. */
  available: boolean
  /** On its way out: neither counted nor chosen. */
  deleting: boolean
  /** Milliseconds since the epoch. */
  createdAt: number
}

export interface RolloutRules {
  replicas: number
  /** Absolute numbers; see resolveLimits. */
  maxSurge: number
  maxUnavailable: number
  recreate: boolean
  paused: boolean
}

export interface DeploymentPlan {
  /** How many Pods of the current template. */
  create: number
  remove: PlannedPod[]
}

/**
 * The next step of a rollout. Two promises hold at each step, however Pods come and go:
 * - at most replicas + maxSurge Pods (those on their way out apart) are made to exist;
 * - a deletion never brings the available Pods below replicas - maxUnavailable.
 * A paused Deployment is scaled, but Pods of an older template are neither replaced nor added to.
 */
export function planDeployment(pods: readonly PlannedPod[], templateHash: string, rules: RolloutRules): DeploymentPlan {
  const live = pods.filter((pod) => !pod.deleting)
  const current = live.filter((pod) => pod.templateHash === templateHash)
  const old = live.filter((pod) => pod.templateHash !== templateHash)
  if (rules.paused && old.length > 0) {
    return { create: 0, remove: removeExcess([...live], live.length - rules.replicas, spareOf(live, rules)) }
  }
  if (rules.recreate) return planRecreate(pods, current, old, templateHash, rules)

  const ceiling = rules.replicas + rules.maxSurge
  const create = Math.max(0, Math.min(rules.replicas - current.length, ceiling - live.length))
  const excess = removeExcess(current, current.length - rules.replicas, spareOf(live, rules))
  const spare = spareOf(live, rules) - excess.filter((pod) => pod.available).length
  return { create, remove: [...excess, ...removeOld(old, current, excess, spare, rules)] }
}

/** How many available Pods may go. */
function spareOf(live: readonly PlannedPod[], { replicas, maxUnavailable }: RolloutRules): number {
  return Math.max(0, live.filter((pod) => pod.available).length - (replicas - maxUnavailable))
}

function planRecreate(
  pods: readonly PlannedPod[],
  current: PlannedPod[],
  old: PlannedPod[],
  templateHash: string,
  { replicas }: RolloutRules,
): DeploymentPlan {
  const oldPresent = pods.some((pod) => pod.templateHash !== templateHash)
  const remove = [...old, ...removeExcess(current, current.length - replicas, current.length)]
  return { create: oldPresent ? 0 : Math.max(0, replicas - current.length), remove }
}

/** `count` Pods: those that are not ready first, then the youngest; of the available ones at most `spare`. */
function removeExcess(pods: readonly PlannedPod[], count: number, spare: number): PlannedPod[] {
  const order = [...pods].sort((a, b) => Number(a.ready) - Number(b.ready) || b.createdAt - a.createdAt)
  const chosen: PlannedPod[] = []
  for (const pod of order) {
    if (chosen.length >= count) break
    if (pod.available && spare-- <= 0) continue
    chosen.push(pod)
  }
  return chosen
}

/**
 * As the Deployment controller (reconcileOldReplicaSets): Pods of the new template that are not available yet take up
 * part of what may be missing, so that old ones which are unready for a moment are not all thrown away for a new
 * template that never gets ready.
 */
function removeOld(
  old: readonly PlannedPod[],
  current: readonly PlannedPod[],
  excess: readonly PlannedPod[],
  spare: number,
  { replicas, maxUnavailable }: RolloutRules,
): PlannedPod[] {
  const staying = current.filter((pod) => !excess.includes(pod))
  const coming = staying.filter((pod) => !pod.available).length
  const count = old.length + staying.length - (replicas - maxUnavailable) - coming
  return removeExcess(old, Math.max(0, count), spare)
}

/**
 * maxSurge and maxUnavailable as numbers of Pods. A percentage of replicas is rounded up for surge and down for
 * unavailable; both zero would never get on, so one may then be missing. 25 % each where absent.
 */
export function resolveLimits(
  replicas: number,
  maxSurge: number | string = '25%',
  maxUnavailable: number | string = '25%',
): { maxSurge: number; maxUnavailable: number } {
  const surge = resolveAmount(maxSurge, replicas, Math.ceil)
  const unavailable = Math.min(resolveAmount(maxUnavailable, replicas, Math.floor), replicas)
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

function resolveAmount(amount: number | string, replicas: number, round: (value: number) => number): number {
  if (typeof amount === 'number') return amount
  const percent = /^(\d+)%$/.exec(amount)?.[1]
  if (percent === undefined) throw new Error(`"${amount}" is neither a number nor a percentage such as "25%"`)
  return round((Number(percent) * replicas) / 100)
}
