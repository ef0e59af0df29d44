import type { JobKind } from '../../../crds/jobs.ts'
import type { KindDefinition } from '../../../crds/kind.ts'
import { type RunStatus, runPolicyFields } from '../../../crds/run.ts'
import { digestOf } from '../../../workers/artifacts/digest.ts'
import type { KubernetesObject } from '../../cluster/objects.ts'
import type { OwnCondition } from '../../control/conditions.ts'
import type { FinishedArtifact, InputState } from './observation.ts'

/** What every kind has whose work is a job. */
export interface RunObject extends KubernetesObject {
  spec: {
    workerPoolRef: { name: string }
    suspend: boolean
    backoffLimit: number
    activeDeadlineSeconds?: number
    ttlSecondsAfterFinished?: number
  }
  status?: RunStatus
}

/** Finds an object of this group in the caches. */
export type Lookup = <T extends KubernetesObject>(kind: string, namespace: string, name: string) => T | undefined

/** What sets one kind of run apart from the others; the life cycle itself is plan.ts. */
export interface RunKind<O extends RunObject = RunObject> {
  definition: KindDefinition
  jobKind: JobKind
  /** A bounded run says Succeeded; a Dataset goes on for ever. */
  bounded: boolean
  /**
   * Fields of spec that name inputs, `a.b` for a field of a field: their digests stand for them in the input digest.
   */
  referenceFields: readonly string[]
  /** Objects that this one waits for. */
  dependencies(object: O): { kind: string; name: string }[]
  resolve(object: O, lookup: Lookup): InputState
  /** False where only the worker can tell whether a finished artifact has the same inputs. */
  inputsAreKnown(object: O): boolean
  pollPeriodSeconds(object: O): number
  /** The kind's own status fields, from the summary of a finished artifact. */
  describe(artifact: FinishedArtifact, status: RunStatus, now: number): object
  ownConditions?(object: O, status: O['status']): OwnCondition[]
}

/** The spec as the job gets it: without run policy and without references. */
export function jobSpec(kind: RunKind, object: RunObject): Record<string, unknown> {
  return without(object.spec, [...runPolicyFields, ...kind.referenceFields])
}

function without(fields: object, left: readonly string[]): Record<string, unknown> {
  const kept = Object.entries(fields).filter(([field]) => !left.includes(field))
  return Object.fromEntries(
    kept.map(([field, value]) => {
      const inner = left.filter((path) => path.startsWith(`${field}.`)).map((path) => path.slice(field.length + 1))
      return [field, inner.length > 0 && isRecord(value) ? without(value, inner) : value]
    }),
  )
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Digest of what decides the result: fields that may be edited while a run is on are no part of it. */
export function inputDigestOf(
  kind: RunKind,
  object: RunObject,
  inputs: Record<string, string>,
  engine: string,
): string {
  const mutable = new Set(kind.definition.mutableOnceStarted ?? [])
  const spec = Object.fromEntries(Object.entries(jobSpec(kind, object)).filter(([field]) => !mutable.has(field)))
  return digestOf({ kind: kind.jobKind, spec, inputs, engine } as Parameters<typeof digestOf>[0])
}
