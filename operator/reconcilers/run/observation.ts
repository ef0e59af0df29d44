import type { RunStatus } from '../../../crds/run.ts'
import type { JobState } from '../../queue/job-queue.ts'

/** What a run works on, as far as it can be told now. */
export type InputState =
  | { state: 'Ready'; digests: Record<string, string> }
  /**
   * `waitingFor` are the objects that have to move first, to be looked at again; `lookAgainMs` is given where what is
   * waited for tells nobody when it comes.
   */
  | { state: 'Waiting'; message: string; waitingFor: { kind: string; name: string }[]; lookAgainMs?: number }
  /** What was pinned is gone, and what made it makes something else now. */
  | { state: 'Lost'; message: string }
  /** Only a change of the spec helps. */
  | { state: 'Invalid'; message: string }

export interface FinishedArtifact {
  digest: string
  sizeBytes: number
  /** `metadata.summary` of its manifest; see the summaries of crds/jobs.ts. */
  summary: unknown
}

/** Everything that the plan of a run depends on, read at one moment. */
export interface RunObservation {
  /** Milliseconds since 1970. */
  now: number
  deleting: boolean
  status: RunStatus
  suspend: boolean
  backoffLimit: number
  activeDeadlineSeconds?: number
  ttlSecondsAfterFinished?: number
  /** Value of the annotation adloom.dev/retry. */
  retryRequest?: string
  /** The pinned inputs of a started run, else those that a run would start with now. */
  inputs: InputState
  engine: string
  /** Of the present spec with these inputs on this engine; absent while inputs are not Ready. */
  inputDigest?: string
  /** The spec of a kind whose runs may not change is another one than that which was started. */
  specChanged: boolean
  /** Whether status.artifact is in the store; absent: there is none in status. */
  artifactPresent?: boolean
  /** A finished artifact with this inputDigest. */
  reusable?: FinishedArtifact
  /** The job of status.attempt; Unknown while Redis is away. */
  job: JobState | { state: 'Unknown'; message: string }
  /** The artifact that a completed job names; absent when the store does not have it whole. */
  delivered?: FinishedArtifact
  poolExists: boolean
  poolName: string
  /** Kinds whose source may change look again this often; 0: never. */
  pollPeriodSeconds: number
}
