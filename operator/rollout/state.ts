import type { Rejection, Revision, RolloutProgress, RolloutStep } from '../../crds/rollout.ts'
import type { AnalysisState } from './analysis.ts'
import type { CanaryPlan } from './traffic.ts'

/** What status remembers of rollouts. */
export interface RolloutState {
  stableDigest?: string
  rollout?: RolloutProgress
  rejected: readonly Rejection[]
  revisions: readonly Revision[]
  handled: Requests
}

export const verbs = ['abort', 'promote', 'approve', 'retry'] as const
/** Values of the annotations by which a person asks for something once. */
export type Requests = Partial<Record<(typeof verbs)[number], string>>

/** What a Deployment of ours is seen to be. */
export interface SeenTrack {
  /** Model that its Pods are to load. */
  model: string
  /** Pods that answer. */
  available: number
  /** Its controller has seen its spec, and all Pods are of it and answer. */
  isRolledOut: boolean
  wanted: number
  /** Its controller has given up waiting for Pods of this spec. */
  isLate: boolean
}

/** Everything that the next step depends on, read at one moment. */
export interface RolloutInput {
  /** Milliseconds since 1970. */
  now: number
  suspend: boolean
  /** The model that the spec asks for, as far as it can be told. */
  wanted?: string
  /** When a pipeline made it the champion, where it comes from one. */
  wantedSince?: string
  /** It is whole and allowed, so that a rollout of it may begin. */
  mayBegin: boolean
  /** Of all that decides whether a rejected model deserves another try. */
  specDigest: string
  steps: readonly RolloutStep[]
  stepsDigest: string
  progressDeadlineSeconds: number
  revisionHistoryLimit: number
  requests: Requests
  stable?: SeenTrack
  canary?: SeenTrack
  /** Why this spec cannot be rolled out by these steps here, if so. */
  refusal?: { reason: string; message: string }
  /** There is a way to weigh traffic: Pods of the canary are wanted from the first step on. */
  planCanary(weight: number): CanaryPlan
  /** Whether requests are divided so by now. */
  isRouted(weight: number): boolean
  /** Takes what measurements are due for the step. */
  analyse(step: NonNullable<RolloutStep['analysis']>, rollout: RolloutProgress): AnalysisState
}

/** Something that an event tells. */
export interface Transition {
  reason: string
  message: string
  isWarning?: boolean
}

export interface RolloutOutcome {
  state: RolloutState
  transitions: Transition[]
  /** Until time alone changes something; Infinity where it does not. */
  waitMs: number
  /** What is waited for, in words. */
  message?: string
  /** Neither time nor the cluster will help. */
  refusal?: { reason: string; message: string }
}

export const rolloutReasons = {
  started: 'RolloutStarted',
  stepsChanged: 'StepsChanged',
  weightSet: 'WeightSet',
  paused: 'Paused',
  analysisPassed: 'AnalysisPassed',
  promoting: 'Promoting',
  promoted: 'Promoted',
  superseded: 'Superseded',
  withdrawn: 'Withdrawn',
  abortRequested: 'AbortRequested',
  analysisFailed: 'AnalysisFailed',
  deadline: 'ProgressDeadlineExceeded',
} as const
