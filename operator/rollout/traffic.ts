/** How requests are divided between stable and canary. */
export type TrafficRoute =
  /** The local node's proxy follows weights on the Service. */
  | 'Proxy'
  /** A Gateway follows an HTTPRoute. */
  | 'Gateway'
  /** Requests are spread evenly over all ready Pods, so their numbers are the weights. */
  | 'Replicas'

export interface WeightOptions {
  route: TrafficRoute
  /** Pods of stable. */
  replicas: number
  tolerancePercent: number
}

/**
 * More Pods of a canary than this times those of stable are asking for another way: stable keeps all its Pods, so that an
 * abort needs no new ones, and a weight w costs w / (100 - w) times as many on top.
 */
const maxCanaryFactor = 4

export type CanaryPlan = { replicas: number; actualWeight: number } | { refused: string }

/**
 * Pods of the canary for a weight in percent. Where a proxy or Gateway makes the weight it gets its share of as many Pods as
 * stable has, and at least one.
 */
export function planCanary(weight: number, options: WeightOptions): CanaryPlan {
  const { route, replicas, tolerancePercent } = options
  if (replicas === 0) return { replicas: 0, actualWeight: 0 }
  if (route !== 'Replicas') return { replicas: Math.max(1, Math.ceil((weight * replicas) / 100)), actualWeight: weight }
  if (weight === 0) return { replicas: 0, actualWeight: 0 }
  const most = (100 * maxCanaryFactor) / (1 + maxCanaryFactor)
  if (weight > most)
    return {
      refused: `setWeight ${weight}: weights are made by numbers of Pods here, and more than ${most} % would cost over ${maxCanaryFactor} times the Pods of stable; leave the step out, since promotion follows the last one, or give spec.rollout.gateway`,
    }
  const count = Math.max(1, Math.round((weight * replicas) / (100 - weight)))
  const actualWeight = realWeight(count, replicas)
  const off = Math.abs(actualWeight - weight)
  if (off <= tolerancePercent) return { replicas: count, actualWeight: Math.round(actualWeight) }
  return {
    refused: `setWeight ${weight}: ${replicas} Pods of stable and ${count} of the canary make ${Math.round(actualWeight)} %, which is ${Math.round(off)} off and more than weightTolerancePercent ${tolerancePercent}; ${replicasFor(weight, tolerancePercent)} replicas would do`,
  }
}

const realWeight = (canary: number, stable: number): number => (100 * canary) / (canary + stable)

/** The fewest replicas of stable with which a weight of 1 to 80 can be made. */
export function replicasFor(weight: number, tolerancePercent: number): number {
  for (let replicas = 1; replicas <= 1000; replicas++) {
    const count = Math.max(1, Math.round((weight * replicas) / (100 - weight)))
    if (Math.abs(realWeight(count, replicas) - weight) <= tolerancePercent) return replicas
  }
  return 1000
}

/** Why a copy of requests cannot be had, if so. */
export function shadowRefusal(route: TrafficRoute): string | undefined {
  if (route !== 'Replicas') return undefined
  return 'shadow: nothing here can copy requests, since weights are made by numbers of Pods; leave shadow out or give spec.rollout.gateway'
}

/**
 * Why a weight of these steps cannot be made, if so. Where an autoscaler says how many Pods there are, each number that
 * it may choose has to do: what was accepted must not fail when there is less to do.
 */
export function weightRefusal(
  steps: readonly { setWeight?: number }[],
  options: WeightOptions,
  autoscaling: { minReplicas: number; maxReplicas: number } | undefined,
): string | undefined {
  const { minReplicas: fewest, maxReplicas: most } = autoscaling ?? {
    minReplicas: options.replicas,
    maxReplicas: options.replicas,
  }
  for (const { setWeight } of steps) {
    for (let replicas = fewest; setWeight !== undefined && replicas <= most; replicas++) {
      const planned = planCanary(setWeight, { ...options, replicas })
      if (!('refused' in planned)) continue
      return autoscaling
        ? `${planned.refused}; spec.autoscaling may choose ${replicas}, so raise minReplicas`
        : planned.refused
    }
  }
  return undefined
}
