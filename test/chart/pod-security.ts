/** What of a Pod's spec the restricted Pod Security Standard looks at. */
interface PodSpec {
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  securityContext?: SecurityContext
  volumes?: Record<string, unknown>[]
  containers: Container[]
  initContainers?: Container[]
}

interface SecurityContext {
  runAsNonRoot?: boolean
  runAsUser?: number
  privileged?: boolean
  allowPrivilegeEscalation?: boolean
  readOnlyRootFilesystem?: boolean
  seccompProfile?: { type: string }
  capabilities?: { drop?: string[]; add?: string[] }
}

interface Container {
  name: string
  securityContext?: SecurityContext
  ports?: { hostPort?: number }[]
}

const volumeTypes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]

/**
 * The rules of the Pod Security Standard `restricted` (kubernetes.io/docs/concepts/security/pod-security-standards) that
 * a Linux Pod breaks, and our own: the root file system is read-only.
 */
export function podSecurityProblems(pod: PodSpec): string[] {
  const problems: string[] = []
  const check = (isRight: boolean, problem: string) => void (isRight || problems.push(problem))
  check(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'it shares a namespace of the host')
  for (const { name, ...volume } of pod.volumes ?? [])
    check(
      Object.keys(volume).every((type) => volumeTypes.includes(type)),
      `volume ${String(name)} is of a type that is not allowed`,
    )
  for (const { name, securityContext: own = {}, ports = [] } of [...pod.containers, ...(pod.initContainers ?? [])]) {
    const { runAsNonRoot, runAsUser, seccompProfile } = { ...pod.securityContext, ...own }
    check(runAsNonRoot === true, `${name} may run as root`)
    check(runAsUser !== 0, `${name} runs as root`)
    check(['RuntimeDefault', 'Localhost'].includes(seccompProfile?.type ?? ''), `${name} has no seccomp profile`)
    check(own.privileged !== true, `${name} is privileged`)
    check(own.allowPrivilegeEscalation === false, `${name} may gain privileges`)
    check(own.readOnlyRootFilesystem === true, `${name} may write to its root file system`)
    check(own.capabilities?.drop?.includes('ALL') === true, `${name} keeps capabilities`)
    check(
      (own.capabilities?.add ?? []).every((one) => one === 'NET_BIND_SERVICE'),
      `${name} gets capabilities`,
    )
    check(
      ports.every(({ hostPort }) => hostPort === undefined),
      `${name} takes a port of the host`,
    )
  }
  return problems
}

interface Workload {
  kind: string
  spec?: unknown
}

/** The Pod's spec in an object that has one. */
export function podSpecOf({ kind, spec }: Workload): PodSpec | undefined {
  if (kind === 'Pod') return spec as PodSpec
  if (!['Deployment', 'StatefulSet', 'Job', 'DaemonSet'].includes(kind)) return undefined
  return (spec as { template: { spec: PodSpec } }).template.spec
}
