import { timestamp } from '../cluster/clock.ts'
import type { Condition } from '../cluster/objects.ts'

/** How far the object is on the way to what its spec says. */
export type ReadyState =
  /** There. */
  | 'ready'
  /** On the way, or waiting for something that will come: what happens next needs nobody. */
  | 'reconciling'
  /** Held by its own spec (suspended): neither on the way nor broken. */
  | 'held'
  /** Cannot get there until a person changes something. */
  | 'stalled'

export interface OwnCondition {
  type: string
  status: Condition['status']
  reason: string
  message: string
  /** True says that something is wrong. Such a condition is left out unless True. */
  negative?: boolean
}

export interface Readiness {
  state: ReadyState
  /** CamelCase, one word; the same as the event's. */
  reason: string
  /** A sentence for a person. */
  message: string
  /** The kind's own conditions, most important first; what is not named here is removed. */
  own?: readonly OwnCondition[]
}

export interface ConditionedStatus {
  observedGeneration: number
  conditions: Condition[]
}

/** Reasons shared by all kinds, in the words of Flux (fluxcd/pkg apis/meta/conditions.go). */
export const REASONS = {
  succeeded: 'Succeeded',
  failed: 'Failed',
  progressing: 'Progressing',
  progressingWithRetry: 'ProgressingWithRetry',
  suspended: 'Suspended',
  dependencyNotReady: 'DependencyNotReady',
  healthCheckFailed: 'HealthCheckFailed',
} as const

/** metav1.Condition allows 32768 characters; nobody reads more than a screen, and status is copied into every list. */
export const MESSAGE_LIMIT = 2048
const REASON_PATTERN = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/
const DERIVED = new Set(['Ready', 'Reconciling', 'Stalled'])

/**
 * The one place where Ready, Reconciling and Stalled come from. What it gives is read by kstatus as Current (ready),
 * InProgress (reconciling, held) or Failed (stalled), and keeps all rules of Flux's condition checker. Root and
 * conditions' observedGeneration are the same, so write them together.
 *
 * @throws on a reason that the API server would refuse, or an own condition of a derived type.
 */
export function deriveConditions(
  previous: readonly Condition[] | undefined,
  generation: number,
  readiness: Readiness,
  nowMs: number,
): ConditionedStatus {
  const own = (readiness.own ?? []).filter((condition) => !condition.negative || condition.status === 'True')
  const wanted = [readyCondition(readiness, own), ...progressCondition(readiness), ...own]
  const conditions: Condition[] = []
  for (const condition of wanted) {
    const before = previous?.find((one) => one.type === condition.type)
    conditions.push(keepTransitionTime(before, condition, generation, nowMs))
  }
  assertOwnTypes(own)
  return { observedGeneration: generation, conditions }
}

/** Something wrong that is told by a condition of its own is what Ready tells too. */
function readyCondition({ state, reason, message }: Readiness, own: readonly OwnCondition[]): OwnCondition {
  const wrong = own.find((condition) => condition.negative)
  const told = wrong ?? { reason, message }
  const status = state === 'ready' && !wrong ? 'True' : 'False'
  return { type: 'Ready', status, reason: told.reason, message: told.message }
}

function progressCondition({ state, reason, message }: Readiness): OwnCondition[] {
  if (state === 'reconciling') return [{ type: 'Reconciling', status: 'True', reason, message }]
  if (state === 'stalled') return [{ type: 'Stalled', status: 'True', reason, message }]
  return []
}

/** Sets one condition in place of the one of its type; the time of transition changes only with the status. */
export function setCondition(
  conditions: readonly Condition[],
  condition: OwnCondition,
  generation: number,
  nowMs: number,
): Condition[] {
  const before = conditions.find((one) => one.type === condition.type)
  const after = keepTransitionTime(before, condition, generation, nowMs)
  return before ? conditions.map((one) => (one === before ? after : one)) : [...conditions, after]
}

function keepTransitionTime(
  before: Condition | undefined,
  { type, status, reason, message }: OwnCondition,
  generation: number,
  nowMs: number,
): Condition {
  if (!REASON_PATTERN.test(reason) || reason.length > 1024) {
    throw new TypeError(`condition ${type}: reason "${reason}" is not one CamelCase word`)
  }
  return {
    type,
    status,
    reason,
    message: truncate(message, MESSAGE_LIMIT),
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : timestamp(nowMs),
    observedGeneration: generation,
  }
}

function assertOwnTypes(own: readonly OwnCondition[]): void {
  const types = own.map((condition) => condition.type)
  const wrong = types.find((type, place) => DERIVED.has(type) || types.indexOf(type) !== place)
  if (wrong !== undefined) throw new TypeError(`condition ${wrong} is derived or given twice`)
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** Absent means not true. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/** Cuts to `limit` UTF-16 units, never through a character. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text
  const cut = text.slice(0, limit - 1)
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`
}
