import type { Client } from '../cluster/client.ts'
import type { Clock, Random } from '../cluster/clock.ts'
import { AlreadyExistsError, ConflictError, ForbiddenError, InvalidError, NotFoundError } from '../cluster/errors.ts'
import type { Informer } from '../cluster/informer.ts'
import type { Log } from '../cluster/log.ts'
import { DEPLOYMENT, keyOf, POD } from '../cluster/resources.ts'
import { Controller, type ReconcileContext } from '../control/controller.ts'
import { done, type Outcome, requeueAfter, retry } from '../control/outcome.ts'
import { owned, primary } from '../control/triggers.ts'
import { type Deployment, TEMPLATE_HASH_LABEL, templateHash } from './deployment.ts'
import { type PlannedPod, planDeployment, resolveLimits } from './deployment-plan.ts'
import { deploymentStatus, millisecondsLeft, sameStatus } from './deployment-status.ts'
import { condition, type Pod } from './pod.ts'

export interface DeploymentControllerOptions {
  client: Client
  clock: Clock
  random: Random
  log: Log
  /** Started and stopped by their owner. */
  deployments: Informer<Deployment>
  pods: Informer<Pod>
}

/**
 * Expands Deployments into Pods where no controller manager does; on a real cluster it stays off. Pods belong to the
 * Deployment directly: the revision is the digest of the template, in the label pod-template-hash, and the templates of
 * older revisions are not kept.
 */
export function createDeploymentController(options: DeploymentControllerOptions): Controller {
  const { client, clock, random, log, deployments, pods } = options
  return new Controller({
    name: 'deployment',
    client,
    clock,
    random,
    log,
    triggers: [primary(deployments), owned(pods, DEPLOYMENT)],
    reconcile: async (key, context) => {
      const deployment = deployments.get(key)
      if (!deployment || deployment.metadata.deletionTimestamp !== undefined) return done()
      return reconcileDeployment(deployment, pods.byOwner(deployment.metadata.uid ?? ''), context, clock, random)
    },
  })
}

async function reconcileDeployment(
  deployment: Deployment,
  pods: readonly Pod[],
  { client, signal }: ReconcileContext,
  clock: Clock,
  random: Random,
): Promise<Outcome> {
  const { replicas = 1, paused = false, strategy, minReadySeconds = 0 } = deployment.spec
  const hash = templateHash(deployment.spec.template)
  const now = clock.now()
  const planned = pods.map((pod) => plannedPod(pod, minReadySeconds, now))
  const recreate = strategy?.type === 'Recreate'
  const limits = resolveLimits(replicas, strategy?.rollingUpdate?.maxSurge, strategy?.rollingUpdate?.maxUnavailable)
  const plan = planDeployment(planned, hash, { replicas, paused, recreate, ...limits })

  for (const pod of [...plan.remove, ...ended(pods)]) await removePod(client, deployment, pod)
  const failure = await createPods(client, deployment, hash, plan.create, random, signal)

  const status = deploymentStatus(deployment, {
    pods: planned,
    templateHash: hash,
    maxUnavailable: recreate ? replicas : limits.maxUnavailable,
    failure: failure?.message,
    now,
  })
  if (!sameStatus(deployment.status, status)) {
    const { uid } = deployment.metadata
    await client.mergePatch(DEPLOYMENT, keyOf(deployment), { metadata: { uid }, status }, { subresource: 'status' })
  }
  if (failure) return retry(failure)
  const wait = Math.min(
    millisecondsLeft(deployment, status, now),
    ...pods.map((pod) => millisecondsToAvailable(pod, minReadySeconds, now)),
  )
  return Number.isFinite(wait) ? requeueAfter(Math.max(wait, 0) + 1) : done()
}

/** A Pod that has ended takes no part; it is deleted, and another is made. */
function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
}

function ended(pods: readonly Pod[]): { name: string; uid: string }[] {
  return pods
    .filter((pod) => hasEnded(pod) && pod.metadata.deletionTimestamp === undefined)
    .map(({ metadata: { name, uid = '' } }) => ({ name, uid }))
}

function plannedPod(pod: Pod, minReadySeconds: number, now: number): PlannedPod {
  const ready = condition(pod, 'Ready')?.status === 'True'
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    templateHash: pod.metadata.labels?.[TEMPLATE_HASH_LABEL] ?? '',
    ready,
    available: ready && millisecondsToAvailable(pod, minReadySeconds, now) === Number.POSITIVE_INFINITY,
    deleting: pod.metadata.deletionTimestamp !== undefined || hasEnded(pod),
    createdAt: Date.parse(pod.metadata.creationTimestamp ?? '') || 0,
  }
}

/** How long a ready Pod has to stay so until it is available; Infinity when it is, or is not ready. */
function millisecondsToAvailable(pod: Pod, minReadySeconds: number, now: number): number {
  const ready = condition(pod, 'Ready')
  if (ready?.status !== 'True' || ready.lastTransitionTime === undefined) return Number.POSITIVE_INFINITY
  const left = Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 - now
  return left > 0 && minReadySeconds > 0 ? left : Number.POSITIVE_INFINITY
}

async function removePod(client: Client, deployment: Deployment, pod: { name: string; uid: string }): Promise<void> {
  const { namespace = '' } = deployment.metadata
  try {
    await client.delete(POD, { namespace, name: pod.name }, { uid: pod.uid })
  } catch (error) {
    // Gone, or another of the same name.
    if (!(error instanceof NotFoundError || error instanceof ConflictError)) throw error
  }
}

/** Gives back the refusal, if the server refuses such Pods. */
async function createPods(
  client: Client,
  deployment: Deployment,
  hash: string,
  count: number,
  random: Random,
  signal: AbortSignal,
): Promise<Error | undefined> {
  for (let created = 0; created < count && !signal.aborted; created++) {
    try {
      await client.create(POD, podOf(deployment, hash, suffix(random)))
    } catch (error) {
      if (error instanceof InvalidError || error instanceof ForbiddenError) return error
      if (!(error instanceof AlreadyExistsError)) throw error
      created--
    }
  }
  return undefined
}

function podOf(deployment: Deployment, hash: string, end: string): Pod {
  const { name, namespace = '', uid = '' } = deployment.metadata
  const { metadata = {}, spec } = deployment.spec.template
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name.slice(0, LONGEST_NAME - hash.length - end.length - 2)}-${hash}-${end}`,
      namespace,
      labels: { ...metadata.labels, [TEMPLATE_HASH_LABEL]: hash },
      ...(metadata.annotations && { annotations: { ...metadata.annotations } }),
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: structuredClone(spec),
  }
}

/** A DNS subdomain. */
const LONGEST_NAME = 253
/** No vowels and no look-alikes, as Kubernetes' own generated names. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789'

function suffix(random: Random): string {
  return Array.from({ length: 5 }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('')
}
