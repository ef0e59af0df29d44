import type { KubernetesObject, Resource } from '../cluster/objects.ts'

/** The part of core/v1 Pod that the local node reads and writes. */
export interface Pod extends KubernetesObject {
  spec: PodSpec
  status?: PodStatus
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  nodeName?: string
  schedulerName?: string
  schedulingGates?: unknown[]
  terminationGracePeriodSeconds?: number
  volumes?: Volume[]
}

export interface Container {
  name: string
  image?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  env?: EnvVar[]
  envFrom?: EnvFromSource[]
  ports?: { name?: string; containerPort: number; protocol?: string }[]
  resources?: { requests?: Record<string, string | number>; limits?: Record<string, string | number> }
  volumeMounts?: VolumeMount[]
  readinessProbe?: Probe
  livenessProbe?: Probe
  startupProbe?: Probe
  /** Only FallbackToLogsOnError does something: there is no terminationMessagePath here. */
  terminationMessagePolicy?: string
  /** `Always` on an init container makes a sidecar, which the local node refuses. */
  restartPolicy?: string
}

interface KeyRef {
  name: string
  key: string
  optional?: boolean
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: {
    fieldRef?: { fieldPath: string }
    secretKeyRef?: KeyRef
    configMapKeyRef?: KeyRef
    resourceFieldRef?: unknown
  }
}

export interface EnvFromSource {
  prefix?: string
  secretRef?: { name: string; optional?: boolean }
  configMapRef?: { name: string; optional?: boolean }
}

export interface VolumeMount {
  name: string
  mountPath: string
  subPath?: string
  subPathExpr?: string
  readOnly?: boolean
}

interface KeyToPath {
  key: string
  path: string
}

export interface Volume {
  name: string
  emptyDir?: object
  hostPath?: { path: string; type?: string }
  secret?: { secretName: string; items?: KeyToPath[]; optional?: boolean }
  configMap?: { name: string; items?: KeyToPath[]; optional?: boolean }
  projected?: { sources?: { serviceAccountToken?: object }[] }
}

export interface Probe {
  httpGet?: {
    path?: string
    port: number | string
    host?: string
    scheme?: string
    httpHeaders?: { name: string; value: string }[]
  }
  tcpSocket?: { port: number | string; host?: string }
  exec?: { command?: string[] }
  grpc?: unknown
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  successThreshold?: number
  failureThreshold?: number
  terminationGracePeriodSeconds?: number
}

/** Pod conditions have no observedGeneration on every server and may lack a reason. */
export interface PodCondition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastTransitionTime?: string
}

export interface ContainerStateTerminated {
  exitCode: number
  signal?: number
  reason: string
  message?: string
  startedAt?: string
  finishedAt?: string
}

export interface ContainerState {
  waiting?: { reason: string; message?: string }
  running?: { startedAt: string }
  terminated?: ContainerStateTerminated
}

export interface ContainerStatus {
  name: string
  image: string
  imageID: string
  ready: boolean
  started: boolean
  restartCount: number
  state: ContainerState
  lastState: ContainerState
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

export interface PodStatus {
  phase?: PodPhase
  reason?: string
  message?: string
  conditions?: PodCondition[]
  containerStatuses?: ContainerStatus[]
  initContainerStatuses?: ContainerStatus[]
  podIP?: string
  podIPs?: { ip: string }[]
  hostIP?: string
  hostIPs?: { ip: string }[]
  startTime?: string
}

/** POST binds a Pod to a node; the older of the two ways, which needs no subresource. */
export const BINDING: Resource = { group: '', version: 'v1', kind: 'Binding', plural: 'bindings', namespaced: true }

export function condition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((c) => c.type === type)
}

/** Whether a Pod may receive new connections: Ready, and not on its way out. */
export function isServing(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && condition(pod, 'Ready')?.status === 'True'
}

/** A container port given by number or by name. */
export function resolvePort(port: number | string, containers: Container[]): number | undefined {
  if (typeof port === 'number') return port
  if (/^\d+$/.test(port)) return Number(port)
  for (const container of containers) {
    const found = container.ports?.find((candidate) => candidate.name === port)
    if (found) return found.containerPort
  }
  return undefined
}
