/** Names that the operator puts on objects or reads from them. */

export const runFinalizer = 'adloom.dev/job'
/** Tries a run that was given up once more; each new value is one request. */
export const retryAnnotation = 'adloom.dev/retry'
/** Has an object looked at now; never restarts anything. */
export const reconcileRequestAnnotation = 'reconcile.fluxcd.io/requestedAt'

export const fieldManager = 'adloom-operator'

export const labels = {
  name: 'app.kubernetes.io/name',
  managedBy: 'app.kubernetes.io/managed-by',
  component: 'app.kubernetes.io/component',
  pool: 'adloom.dev/worker-pool',
  ranker: 'adloom.dev/ranker',
} as const

/** Secret of each namespace with work in it; its key `url` is the address of Redis. */
export const redisSecret = { name: 'adloom-redis', key: 'url' } as const

/** Secret of a namespace whose keys are the variables of an S3 client (AWS_ACCESS_KEY_ID, ...); it may be absent. */
export const defaultStoreSecret = 'adloom-store'
