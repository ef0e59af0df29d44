import type { Random } from '../cluster/clock.ts'
import type { Pod } from './pod.ts'
import { type Backend, type Balancer, RoundRobin } from './service-backends.ts'

/**
 * Annotation of a Service whose HTTP requests are to be divided among groups of its Pods: JSON
 * `{"label": "adloom.dev/track", "weights": {"stable": 90, "canary": 10}, "shadow": {"to": "canary", "percent": 5}}`. A Pod
 * belongs to the group that its label names; weights count against one another, and a Pod of a group that is not named, or
 * has a weight of 0, gets nothing. `shadow` sends copies of that share of all requests to a group and drops its answers.
 */
export const TRAFFIC_ANNOTATION = 'adloom.dev/traffic'

export interface TrafficSplit {
  label: string
  weights: Readonly<Record<string, number>>
  shadow?: { to: string; percent: number }
}

/** undefined for what is no such JSON: then all Pods are equal. */
export function parseTrafficSplit(text: string | undefined): TrafficSplit | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isSplit(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isPercent = (value: unknown): boolean => typeof value === 'number' && value >= 0 && Number.isFinite(value)
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function isSplit(value: unknown): value is TrafficSplit {
  if (!isRecord(value) || typeof value.label !== 'string' || !isRecord(value.weights)) return false
  if (!Object.values(value.weights).every(isPercent)) return false
  const { shadow } = value
  return shadow === undefined || (isRecord(shadow) && typeof shadow.to === 'string' && isPercent(shadow.percent))
}

/** Names of Pods by uid, for a balancer that sees backends only. */
export const groupsOf = (pods: readonly Pod[], label: string): Map<string, string> =>
  new Map(pods.map(({ metadata }) => [metadata.uid ?? '', metadata.labels?.[label] ?? '']))

/**
 * Chooses a group by chance and weight, then its Pods in turn. A group without a Pod that could still be tried is passed
 * over, so that a request fails only when no group with a weight has any.
 */
export class WeightedBalancer implements Balancer {
  readonly #random: Random
  readonly #turns = new Map<string, RoundRobin>()

  constructor(random: Random) {
    this.#random = random
  }

  pick(
    backends: readonly Backend[],
    tried: ReadonlySet<string>,
    split?: TrafficSplit,
    groups: ReadonlyMap<string, string> = new Map(),
  ): Backend | undefined {
    if (!split) return this.#inTurn('', backends, tried)
    const usable = backends.filter(({ uid }) => !tried.has(uid))
    const open = Object.entries(split.weights).filter(
      ([group, weight]) => weight > 0 && usable.some(({ uid }) => groups.get(uid) === group),
    )
    let left = this.#random() * open.reduce((sum, [, weight]) => sum + weight, 0)
    const chosen = open.find(([, weight]) => {
      left -= weight
      return left < 0
    })
    return chosen && this.pickOf(chosen[0], usable, tried, groups)
  }

  /** The next Pod of one group. */
  pickOf(
    group: string,
    backends: readonly Backend[],
    tried: ReadonlySet<string>,
    groups: ReadonlyMap<string, string>,
  ): Backend | undefined {
    const members = backends.filter(({ uid }) => groups.get(uid) === group)
    return this.#inTurn(group, members, tried)
  }

  #inTurn(group: string, backends: readonly Backend[], tried: ReadonlySet<string>): Backend | undefined {
    const turn = this.#turns.get(group) ?? new RoundRobin()
    this.#turns.set(group, turn)
    return turn.pick(backends, tried)
  }
}
