/**
 * What crosses the queue between operator and workers. Redis holds it in clear text: no secrets here. Delivery is at
 * least once and Redis may lose everything at any moment, so every effect behind it is idempotent and fenced.
 */

import type { AdvertisingStatus, PropensityMeaning } from './advertising.ts'

export const jobKinds = ['Dataset', 'TokenizerBuild', 'TrainingRun', 'Evaluation'] as const
export type JobKind = (typeof jobKinds)[number]

/** What decides the bytes of a result besides its inputs: engine version, execution provider, CPU family. */
export type Engine = string

export interface JobPayload<Spec = unknown> {
  kind: JobKind
  namespace: string
  name: string
  uid: string
  attempt: number
  inputDigest: string
  /** The engine that inputDigest was computed for; a worker with another one refuses (reason EngineMismatch). */
  engine: Engine
  spec: Spec
  /**
   * Digests of the pinned inputs by role: dataset, tokenizer, model; parent (warm start), reuse (an earlier tokenizer),
   * champion and evaluator (a held-out reward model) where the spec asks for them.
   */
  inputs: Record<string, string>
}

/** Custom BullMQ job ids must not contain `:` nor consist of digits only. */
export const jobId = (uid: string, attempt: number): string => `${uid}-${attempt}`

/** One queue a WorkerPool. A namespace has no dot, so the two parts cannot run into each other. */
export const queueName = (namespace: string, pool: string): string => `${namespace}.${pool}`

export interface JobProgress {
  startToken: string
  phase: string
  step: number
  totalSteps: number
  metrics?: Record<string, number>
  /** From the speed of this phase on this worker. */
  estimatedSecondsRemaining?: number
  worker: { pod: string; node: string }
}

/** Numbers and lists of the result that go into status, by kind; see summaries below. */
export interface JobResult<Summary = unknown> {
  uid: string
  inputDigest: string
  startToken: string
  artifact: { digest: string; sizeBytes: number }
  summary: Summary
  /** The worker found a finished artifact by what only it could read, and did no work. */
  reused?: boolean
  worker: { pod: string; node: string }
}

/** A failed job's `failedReason` is this as JSON; anything else (a stall, a crash) counts as retryable. */
export interface JobFailure {
  /** CamelCase; becomes the reason of the condition. */
  reason: string
  message: string
  retryable: boolean
  startToken?: string
  /** With reason EngineMismatch: the engine of the worker that refused. */
  engine?: Engine
}

/** Reasons that the life cycle itself knows; processors add their own. */
export const failureReasons = {
  cancelled: 'Cancelled',
  superseded: 'Superseded',
  engineMismatch: 'EngineMismatch',
  corruptArtifact: 'CorruptArtifact',
  /** The worker was told to end (SIGTERM); no fault of the job. */
  workerStopped: 'WorkerStopped',
} as const

export interface DatasetSummary {
  sourceDigest: string
  users: number
  items: number
  interactions: number
  badRows: number
  badRowExamples: { file: string; line: number; reason: string }[]
  /** Share of recent training interactions by hash bucket of the item id: a measure of drift, not for status. */
  popularityShares: number[]
  /** Only with spec.advertising. */
  advertising?: AdvertisingStatus
}

/** How well codes stand for features. A type, since it goes into the manifest as JSON. */
export type CodeQuality = {
  levels: number
  collisionRate: number
  reconstructionError: number
  utilization: number[]
  codebooks: 'Reused' | 'Learned'
  codebooksReason: string
}

export type CreativeSummary = CodeQuality & {
  count: number
  /** 0 to 100; only where there was something to reuse. */
  unseenPercent?: number
}

export interface TokenizerSummary extends CodeQuality {
  items: number
  /** 0 to 100; only where there was something to reuse. */
  unseenItemsPercent?: number
  /** Only where creatives are coded. */
  creatives?: CreativeSummary
  /** Share of training interactions by entry of the first level: a measure of drift, not for status. */
  codeShares: number[]
}

export interface TrainingSummary {
  epochs: number
  bestEpoch: number
  trainingLoss: number
  /** Of architectures that are validated by ranking. */
  validationNdcg?: number
  parameters: number
  /** Of architectures that are trained in stages, in their order. */
  stages?: { name: string; digest: string; epochs: number; reused: boolean; metrics: Record<string, number> }[]
  /** Digest of the model that training started from. */
  parent?: string
  warmStart?: { takenParameters: number; initialParameters: number; newItems: number }
}

export interface MeasuredMetric {
  name: string
  value: number
  low: number
  high: number
}

/** Model less champion. */
export interface ChampionDifference {
  metric: string
  difference: number
  low: number
  high: number
}

/** How a marketplace was measured; see `status.market`. */
export interface MarketSummary {
  requests: number
  skipped: number
  paymentRule: string
  judges: string[]
  audited: number
  /** Absent in results from before there was a choice: Ad. */
  bidder?: string
  auditEnded: string
  /** Absent where it could not be told. */
  auditHalfWidth?: number
  biddingRounds?: number
  biddersMoved?: number
  /** Only where budgets are heeded. */
  budgets?: { advertisers: number; ranOut: number; spentShare: number; refusedShare: number }
  unmeasured: string[]
}

/** How sampled lists came out; see `status.sampledLists`. */
export interface SampledSummary {
  lists: number
  skipped: number
  listSize: number
  meanListSize: number
  negatives: string
  /** Only where candidates are graded. */
  judge?: string
  ungraded?: number
  unmeasured: string[]
}

/** What a log supports; see `status.offPolicy`. */
export interface OffPolicySummary {
  supported: boolean
  message: string
  propensities: PropensityMeaning
  rows: number
  effectiveSamples: number
  effectivePositives: number
  meanWeight: number
}

export interface EvaluationSummary {
  /** Targets that were ranked; 0 where nothing was. */
  cases: number
  metrics: MeasuredMetric[]
  /** Only with a champion. */
  comparison?: ChampionDifference[]
  sampledLists?: SampledSummary
  market?: MarketSummary
  offPolicy?: OffPolicySummary
  gates: { name: string; passed: boolean; message: string }[]
}

/** What a worker says of itself, in the hash `keys.workers(queue)`, one field a Pod. */
export interface WorkerRegistration {
  pod: string
  node: string
  engine: Engine
  state: 'Idle' | 'Busy' | 'Draining' | 'Drained'
  jobId?: string
  /** Milliseconds since 1970 of the last change to or from Busy. */
  since: number
  /** Milliseconds since 1970; a worker writes it every heartbeatSeconds. */
  heartbeat: number
}

export const heartbeatSeconds = 2
/** A registration older than this speaks of a worker that is gone. */
export const heartbeatLimitSeconds = 20

/** Redis keys of ours, beside those of BullMQ. Braces keep the keys of one queue in one slot of a Redis cluster. */
export const keys = {
  prefix: 'adloom',
  workers: (queue: string) => `adloom:{${queue}}:workers`,
  /** Exists while the worker of this Pod shall take no more jobs. */
  drain: (queue: string, pod: string) => `adloom:{${queue}}:drain:${pod}`,
  /** Start token of the worker that took this job last. */
  startToken: (queue: string, id: string) => `adloom:{${queue}}:token:${id}`,
  /** Exists, holding the reason, while this job shall stop: BullMQ cannot cancel on another process. */
  cancel: (queue: string, id: string) => `adloom:{${queue}}:cancel:${id}`,
  /** Channel that wakes workers to look at drain and cancel at once; losing a message costs a heartbeat. */
  wake: (queue: string) => `adloom:{${queue}}:wake`,
} as const
