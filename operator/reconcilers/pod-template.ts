import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '../cluster/objects.ts'
import { defaultStoreSecret } from './names.ts'

interface ContainerState {
  waiting?: { reason?: string; message?: string }
  terminated?: { exitCode: number; reason?: string; message?: string }
}

interface ContainerStatus {
  name: string
  ready?: boolean
  state?: ContainerState
  lastState?: ContainerState
}

/** The parts of a built-in Pod that we read or write. */
export interface Pod extends KubernetesObject {
  spec?: { nodeName?: string }
  status?: {
    phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
    podIP?: string
    message?: string
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
    containerStatuses?: ContainerStatus[]
  }
}

export interface EnvironmentVariable {
  name: string
  value?: string
  valueFrom?: unknown
}

/** What a process of ours needs of the outside, the same in a cluster and on one machine. */
export interface PodSettings {
  image: string
  storeUri: string
  /** Added to every Pod of ours: proxies, credentials by reference, never secrets in clear text. */
  environment: readonly EnvironmentVariable[]
  /** The cluster's default where absent. */
  imagePullPolicy?: string
  /** PersistentVolumeClaim of the Pod's namespace that is mounted where a `file:` store lies. */
  storeClaim?: string
  /** Secret of the Pod's namespace whose keys become variables: what an `s3:` store asks for. */
  storeSecret?: string
  /** ServiceAccounts by the name of the container; the namespace's default where absent. */
  serviceAccounts?: Readonly<Record<string, string>>
}

export const environment = (name: string, value: string): EnvironmentVariable => ({ name, value })

export const fieldEnvironment = (name: string, fieldPath: string): EnvironmentVariable => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
})

/** Where the store's server is and how it is addressed; no secrets. */
const storeVariables = [
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'ADLOOM_S3_PATH_STYLE',
] as const

/** What Pods have to know of the operator's own environment to find the store that it uses. */
export const storeEnvironment = (of: NodeJS.ProcessEnv): EnvironmentVariable[] =>
  storeVariables.flatMap((name) => (of[name] ? [environment(name, of[name])] : []))

export const scratchPath = '/var/lib/adloom/scratch'

export interface ContainerParts {
  name: string
  args: string[]
  environment: EnvironmentVariable[]
  port: number
  /** Mounted read-only where they are; a Pod starts without them too, and sees each change of them. */
  configMaps?: readonly { volume: string; name: string; mountPath: string }[]
}

/** A Pod of ours that keeps to the restricted Pod Security Standard. */
export function restrictedPodSpec(parts: ContainerParts, settings: PodSettings): Record<string, unknown> {
  const probe = (path: string) => ({ httpGet: { path, port: parts.port }, periodSeconds: 5, timeoutSeconds: 5 })
  const { imagePullPolicy, storeClaim, storeSecret = defaultStoreSecret } = settings
  const { configMaps = [] } = parts
  const serviceAccountName = settings.serviceAccounts?.[parts.name]
  return {
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 30,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      // A fresh volume belongs to root; going through the files of a large store at each start would take minutes.
      ...(storeClaim === undefined ? {} : { fsGroup: 65532, fsGroupChangePolicy: 'OnRootMismatch' }),
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: parts.name,
        image: settings.image,
        ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
        command: ['adloom'],
        args: parts.args,
        // Credentials by a Secret, if there is one; else by the identity of spec.serviceAccountName.
        envFrom: [{ secretRef: { name: storeSecret, optional: true } }],
        env: [
          fieldEnvironment('POD_NAME', 'metadata.name'),
          fieldEnvironment('POD_IP', 'status.podIP'),
          fieldEnvironment('NODE_NAME', 'spec.nodeName'),
          environment('ADLOOM_STORE', settings.storeUri),
          environment('ADLOOM_SCRATCH', scratchPath),
          // The root file system is read-only.
          environment('TMPDIR', scratchPath),
          ...parts.environment,
          ...settings.environment,
        ],
        ports: [{ name: 'http', containerPort: parts.port, protocol: 'TCP' }],
        readinessProbe: { ...probe('/readyz'), periodSeconds: 1 },
        livenessProbe: { ...probe('/healthz'), failureThreshold: 6 },
        // A process that cannot go on says why in its last line; so it stands in the status of the Pod.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'scratch', mountPath: scratchPath },
          ...(storeClaim === undefined ? [] : [{ name: 'store', mountPath: fileURLToPath(settings.storeUri) }]),
          ...configMaps.map(({ volume, mountPath }) => ({ name: volume, mountPath, readOnly: true })),
        ],
      },
    ],
    volumes: [
      { name: 'scratch', emptyDir: {} },
      ...(storeClaim === undefined ? [] : [{ name: 'store', persistentVolumeClaim: { claimName: storeClaim } }]),
      ...configMaps.map(({ volume, name }) => ({ name: volume, configMap: { name, optional: true } })),
    ],
  }
}

/** Entries have no key: of sources later ones win over ours; a toleration takes none of another's back. */
const appended: ReadonlySet<string> = new Set(['envFrom', 'tolerations'])

/** Entries hold one of several sources, and two would be refused. */
const replacedWhole: ReadonlySet<string> = new Set(['env', 'volumes'])

const listKeys = ['name', 'mountPath', 'containerPort', 'key'] as const

/**
 * The user's part of a Pod over ours: objects merge by field, lists whose entries have a name (containers, env, volumes,
 * mounts, ports) merge by it (a variable or a volume as a whole), sources of variables and tolerations are added,
 * everything else is replaced.
 */
export function mergeOver(base: unknown, over: unknown, field = ''): unknown {
  if (over === undefined) return base
  if (Array.isArray(base) && Array.isArray(over)) return mergeLists(base, over, field)
  if (!isRecord(base) || !isRecord(over)) return over
  const merged: Record<string, unknown> = { ...base }
  for (const [name, value] of Object.entries(over)) merged[name] = mergeOver(base[name], value, name)
  return merged
}

function mergeLists(base: unknown[], over: unknown[], field: string): unknown[] {
  if (appended.has(field))
    return [...base, ...over.filter((entry) => !base.some((own) => isDeepStrictEqual(own, entry)))]
  const key = listKeys.find((name) => [...base, ...over].every((entry) => isRecord(entry) && name in entry))
  if (key === undefined) return over
  const keyOf = (entry: unknown) => (isRecord(entry) ? entry[key] : undefined)
  const kept = base.map((entry) => {
    const own = over.find((candidate) => keyOf(candidate) === keyOf(entry))
    if (own === undefined) return entry
    return replacedWhole.has(field) ? own : mergeOver(entry, own)
  })
  const known = new Set(base.map(keyOf))
  return [...kept, ...over.filter((entry) => !known.has(keyOf(entry)))]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const isPodReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/** Why a Pod is not running, if it says so: what its process said last, else what the node or the scheduler says. */
export function podProblem(pod: Pod): string | undefined {
  const containers = pod.status?.containerStatuses ?? []
  const waiting = containers.map(({ state }) => state?.waiting).find((state) => state?.reason)
  const failed = containers.map(lastWords).find((words) => words !== undefined)
  if (failed !== undefined && (!waiting || waiting.reason === 'CrashLoopBackOff')) return failed
  if (waiting && waiting.reason !== 'ContainerCreating') return `${waiting.reason}: ${waiting.message ?? ''}`
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  return scheduled?.status === 'False' ? `${scheduled.reason}: ${scheduled.message ?? ''}` : undefined
}

/** As much of a line as is read. */
const longestWords = 1024

/** The last line of a container that failed and is not ready again: while it waits for its next start, and in it. */
function lastWords({ name, ready, state, lastState }: ContainerStatus): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated
  if (ready || !ended || ended.exitCode === 0) return undefined
  const line = ended.message?.trimEnd().split('\n').at(-1)?.trim()
  return line ? `${name} ended with exit code ${ended.exitCode}: ${line.slice(0, longestWords)}` : undefined
}
