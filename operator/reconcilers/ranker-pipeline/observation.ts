import type { RankerPipelineSpec } from '../../../crds/kinds/ranker-pipeline.ts'
import type { PipelineStatus } from '../../../crds/pipeline-status.ts'

export const childKinds = ['TokenizerBuild', 'TrainingRun', 'Evaluation'] as const
export type ChildKind = (typeof childKinds)[number]

/** One metric of two models on the same cases; all numbers are decimals as strings. */
export interface SeenDifference {
  metric: string
  /** Model less champion. */
  difference: string
  low: string
  high: string
}

/** A TokenizerBuild, TrainingRun or Evaluation that the pipeline owns. */
export interface SeenChild {
  kind: ChildKind
  name: string
  /** Number of its run. */
  run: number
  deleting: boolean
  state: 'Working' | 'Ready' | 'Stalled'
  /** Reason and message of its condition Ready. */
  reason: string
  message: string
  spec: Record<string, unknown>
  /** Of its artifact, once it is Ready. */
  digest?: string
  /** Digests of its pinned inputs, by role. */
  inputs: Readonly<Record<string, string>>
  /** Condition Passed of an Evaluation. */
  passed?: boolean
  summary?: string
  metrics: readonly { name: string; value: string; low: string; high: string }[]
  comparison: readonly SeenDifference[]
}

/** A number, and how far it may be off because little was counted: two standard errors. */
export interface Measured {
  value: number
  uncertainty: number
}

/** A RankerDeployment that follows the pipeline's champion. */
export interface SeenFollower {
  name: string
  stableDigest?: string
  /** Models that failed online. */
  rejected: readonly { digest: string; reason: string; message: string; time: string }[]
  /** Measured of the stable revision, by the name in its status. */
  online: Readonly<Record<string, Measured>>
}

/** Everything that the plan of a pipeline depends on, read at one moment. */
export interface PipelineObservation {
  /** Milliseconds since 1970. */
  now: number
  name: string
  spec: RankerPipelineSpec
  /** What status says, or what the ledger says where status is empty. */
  status: PipelineStatus
  /** Why the spec cannot be followed, in a sentence. */
  invalid?: string
  annotations: { retrain?: string; promote?: string; abort?: string }
  dataset: { revision: string } | { message: string }
  /** Digest of those parts of the templates that change a result. */
  template: string
  children: readonly SeenChild[]
  /** The first number from status.lastRunNumber on by which no object of anybody is called. */
  freeNumber: number
  /** Of the models that status names: those whose artifact the store lacks. */
  missing: ReadonlySet<string>
  followers: readonly SeenFollower[]
  /** Population stability index of item popularity, where it is asked for and can be told. */
  popularityPsi?: number
}
