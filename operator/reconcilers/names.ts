/** Names that the operator puts on objects or reads from them. */

export const runFinalizer = 'adloom.dev/job'
/** Tries a run that was given up once more; each new value is one request. */
export const retryAnnotation = 'adloom.dev/retry'
/** Asks a pipeline for a run; each new value is one request. */
export const retrainAnnotation = 'adloom.dev/retrain'
/** Promotes a pipeline's candidate, or the digest that the value names; has a rollout take its model at once. */
export const promoteAnnotation = 'adloom.dev/promote'
/** Stops what is under way: a pipeline's run, a rollout. */
export const abortAnnotation = 'adloom.dev/abort'
/** Ends the pause of a rollout. */
export const approveAnnotation = 'adloom.dev/approve'
/** How the local node's proxy divides the requests of a Service (operator/node/traffic-split.ts). */
export const trafficAnnotation = 'adloom.dev/traffic'
/** Has an object looked at now; never restarts anything. */
export const reconcileRequestAnnotation = 'reconcile.fluxcd.io/requestedAt'

export const fieldManager = 'adloom-operator'

export const labels = {
  name: 'app.kubernetes.io/name',
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
  pool: 'adloom.dev/worker-pool',
  ranker: 'adloom.dev/ranker',
  pipeline: 'adloom.dev/pipeline',
  pipelineRun: 'adloom.dev/pipeline-run',
  track: 'adloom.dev/track',
  revision: 'adloom.dev/revision',
} as const

/** Secret of each namespace with work in it; its key `url` is the address of Redis. */
export const redisSecret = { name: 'adloom-redis', key: 'url' } as const

/** Secret of a namespace whose keys are the variables of an S3 client (AWS_ACCESS_KEY_ID, ...); it may be absent. */
export const defaultStoreSecret = 'adloom-store'
