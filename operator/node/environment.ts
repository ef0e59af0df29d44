import { listenHostVariable } from '../../crds/listen-host.ts'
import type { Container, EnvVar, Pod } from './pod.ts'

/** What stops a container from being started, in the words of its `waiting` state. */
export class ContainerConfigError extends Error {
  readonly reason: string
  constructor(reason: string, message: string) {
    super(message)
    this.name = 'ContainerConfigError'
    this.reason = reason
  }
}

/** Decoded contents of a Secret or ConfigMap; undefined when the object is absent. */
export type KeyValues = Record<string, Buffer> | undefined

/** The Secrets and ConfigMaps of a Pod's namespace. */
export interface ConfigSource {
  secret(name: string): Promise<KeyValues>
  configMap(name: string): Promise<KeyValues>
}

/**
 * The variables that a container's spec gives it, in the order of the Kubernetes documentation: envFrom first, then env;
 * `$(NAME)` refers to a variable defined before, `$$(NAME)` stays literal, and an unknown name is left as it stands.
 * Before all of them comes the address that is the Pod's own: others listen on the same ports of this machine.
 */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  podIP: string,
  source: ConfigSource,
): Promise<Record<string, string>> {
  const environment: Record<string, string> = { [listenHostVariable]: podIP }
  for (const from of container.envFrom ?? []) {
    const reference = from.secretRef ?? from.configMapRef
    if (!reference) continue
    const read = from.secretRef ? source.secret : source.configMap
    const kind = from.secretRef ? 'Secret' : 'ConfigMap'
    const values = await read(reference.name)
    if (!values && !reference.optional) throw missing(kind, reference.name)
    for (const [key, value] of Object.entries(values ?? {})) {
      environment[`${from.prefix ?? ''}${key}`] = value.toString('utf8')
    }
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, pod, podIP, source, environment)
    if (value !== undefined) environment[variable.name] = value
  }
  return environment
}

async function variableValue(
  variable: EnvVar,
  pod: Pod,
  podIP: string,
  source: ConfigSource,
  environment: Record<string, string>,
): Promise<string | undefined> {
  const from = variable.valueFrom
  if (!from) return expandReferences(variable.value ?? '', environment)
  if (from.fieldRef) return fieldValue(pod, podIP, from.fieldRef.fieldPath)
  const reference = from.secretKeyRef ?? from.configMapKeyRef
  if (!reference) {
    throw new ContainerConfigError(
      'CreateContainerConfigError',
      `env ${variable.name}: the local node reads value, fieldRef, secretKeyRef and configMapKeyRef only`,
    )
  }
  const kind = from.secretKeyRef ? 'Secret' : 'ConfigMap'
  const values = await (from.secretKeyRef ? source.secret : source.configMap)(reference.name)
  const value = values?.[reference.key]
  if (value !== undefined) return value.toString('utf8')
  if (reference.optional) return undefined
  if (!values) throw missing(kind, reference.name)
  throw new ContainerConfigError(
    'CreateContainerConfigError',
    `env ${variable.name}: ${kind} ${reference.name} has no key ${reference.key}`,
  )
}

function missing(kind: string, name: string): ContainerConfigError {
  return new ContainerConfigError('CreateContainerConfigError', `${kind} ${name} does not exist; create it`)
}

function fieldValue(pod: Pod, podIP: string, path: string): string {
  const { metadata } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return keyValueLines(metadata.labels)
    case 'metadata.annotations':
      return keyValueLines(metadata.annotations)
    case 'status.podIP':
    case 'status.podIPs':
      return podIP
    case 'status.hostIP':
      return '127.0.0.1'
    case 'spec.nodeName':
      return pod.spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return 'default'
    default:
      throw new ContainerConfigError('CreateContainerConfigError', `fieldRef ${path} is not known to the local node`)
  }
}

function keyValueLines(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}

/** `$(NAME)` expansion of Kubernetes (third_party/forked/golang/expansion): `$$` is one dollar, unknown names stay. */
export function expandReferences(text: string, environment: Record<string, string>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, inner: string, name: string | undefined) => {
    if (inner === '$') return '$'
    return (name !== undefined && Object.hasOwn(environment, name) ? environment[name] : undefined) ?? whole
  })
}
