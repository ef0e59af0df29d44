import { REASONS } from '../../control/conditions.ts'

/** Reasons of Ready that the life cycle of runs gives; a processor's failure adds its own. */
export const reasons = {
  reused: 'Reused',
  succeeded: 'Succeeded',
  queued: 'Queued',
  running: 'Running',
  retrying: REASONS.progressingWithRetry,
  suspended: REASONS.suspended,
  dependencyNotReady: REASONS.dependencyNotReady,
  poolNotFound: 'WorkerPoolNotFound',
  queueUnavailable: 'QueueUnavailable',
  deadlineExceeded: 'DeadlineExceeded',
  backoffLimitExceeded: 'BackoffLimitExceeded',
  invalidSpec: 'InvalidSpec',
  inputLost: 'InputLost',
  specChanged: 'SpecChanged',
  artifactMissing: 'ArtifactMissing',
  resultRefused: 'ResultRefused',
} as const
