// What a serving process is told by its Pod.

import { availableParallelism, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { type RankerDeployment, rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { listenHost } from '../../crds/listen-host.ts'

export type ServingSpec = RankerDeployment['spec']['serving']

export interface ServingSettings {
  /** Of the RankerDeployment. */
  readonly namespace: string
  readonly name: string
  /** This Pod. */
  readonly pod: string
  /** Digest of the model that is wanted. */
  readonly digest: string
  /** Names model and settings together; comes back in answers. */
  readonly revision: string
  readonly storeUri: string
  readonly host: string
  readonly serving: ServingSpec
  /** Threads of decoding. */
  readonly threads: number
  /** Folder of this Pod alone, which a restart of the process survives. */
  readonly scratch: string
  /** File that the settings of an auction come by; undefined: they are those of the model. */
  readonly auctionSettings: string | undefined
  /** That callers of /v1/events must send; undefined where none is asked. */
  readonly eventsToken: string | undefined
}

/** @throws when a variable is missing, or ADLOOM_SERVING is not what `spec.serving` allows */
export function readSettings(environment: NodeJS.ProcessEnv): ServingSettings {
  const serving = readServing(environment.ADLOOM_SERVING ?? '{}')
  return {
    namespace: environment.ADLOOM_NAMESPACE || 'default',
    name: required(environment, 'ADLOOM_NAME'),
    pod: environment.POD_NAME || hostname(),
    digest: required(environment, 'ADLOOM_MODEL'),
    revision: environment.ADLOOM_REVISION ?? '',
    storeUri: required(environment, 'ADLOOM_STORE'),
    host: listenHost(environment),
    serving,
    threads: serving.threads || availableParallelism(),
    scratch: environment.ADLOOM_SCRATCH || join(tmpdir(), `adloom-${process.pid}`),
    auctionSettings: environment.ADLOOM_AUCTION_SETTINGS || undefined,
    eventsToken: eventsToken(serving, environment),
  }
}

/** An empty token would let everybody in. */
function eventsToken({ feedback }: ServingSpec, environment: NodeJS.ProcessEnv): string | undefined {
  const reference = feedback?.tokenSecretRef
  if (reference === undefined) return undefined
  // `kubectl create secret --from-file` keeps the line break at the end of a file.
  const token = environment.ADLOOM_EVENTS_TOKEN?.trim()
  if (token) return token
  const { name, key } = reference
  throw new Error(
    `the token of /v1/events is empty: give key ${key} of Secret ${name} a value (spec.serving.feedback.tokenSecretRef)`,
  )
}

function readServing(text: string): ServingSpec {
  const value = parseJson(text)
  // The schema holds keywords and formats of Kubernetes, which say nothing about one value.
  const ajv = new Ajv({ strict: false, validateFormats: false, useDefaults: true })
  const isServing = ajv.compile<ServingSpec>(rankerDeployment.spec.properties.serving)
  if (isServing(value)) return value
  throw new Error(`ADLOOM_SERVING is no spec.serving of a RankerDeployment: ${ajv.errorsText(isServing.errors)}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`ADLOOM_SERVING is no JSON: ${String(error)}`, { cause: error })
  }
}

function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name]
  if (!value) throw new Error(`the environment variable ${name} is not set; a RankerDeployment starts its Pods with it`)
  return value
}
