import { mkdir } from 'node:fs/promises'
import { join, normalize, resolve, sep } from 'node:path'
import { replaceFiles } from './atomic-files.ts'
import type { ConfigSource, KeyValues } from './environment.ts'
import { ContainerConfigError } from './environment.ts'
import type { Container, Pod, Volume } from './pod.ts'

/*
 * A process has no mount namespace, so a volume cannot appear at its mountPath. Instead:
 * - hostPath: mountPath must equal the path on this machine; anything else is refused;
 * - emptyDir, secret, configMap: a folder under the Pod's own folder; wherever a mountPath stands as a path in
 *   command, args, workingDir or the value of a variable, that folder's path is put in its place;
 * - the token volume that a real API server adds to each Pod is left out; other sources are refused.
 * What comes from the API is replaced as a whole (atomic-files.ts). A ConfigMap is followed, as by the kubelet but at
 * once; a Secret is written when the Pod starts, and again with the next Pod.
 */

/** Where a container's mountPath really lies. */
export interface MountedPath {
  mountPath: string
  source: string
}

/** Creates the folders of a Pod's volumes under `directory` and fills those that come from the API. */
export async function prepareVolumes(pod: Pod, directory: string, source: ConfigSource): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    const folder = volumeFolder(directory, volume.name)
    if (volume.emptyDir) await mkdir(folder, { recursive: true, mode: 0o700 })
    if (volume.secret) {
      const { secretName, items, optional } = volume.secret
      const values = await source.secret(secretName)
      await writeKeys(folder, `Secret ${secretName}`, values, items, optional ?? false)
    }
    if (volume.configMap) await writeConfigMap(volume.configMap, folder, source)
  }
}

/** Brings the volumes that show this ConfigMap up to date. @throws ContainerConfigError; they stay as they were then */
export async function refreshConfigMap(pod: Pod, directory: string, name: string, source: ConfigSource): Promise<void> {
  for (const volume of pod.spec.volumes ?? [])
    if (volume.configMap?.name === name)
      await writeConfigMap(volume.configMap, volumeFolder(directory, volume.name), source)
}

async function writeConfigMap(
  { name, items, optional }: NonNullable<Volume['configMap']>,
  folder: string,
  source: ConfigSource,
): Promise<void> {
  await writeKeys(folder, `ConfigMap ${name}`, await source.configMap(name), items, optional ?? false)
}

async function writeKeys(
  folder: string,
  origin: string,
  values: KeyValues,
  items: { key: string; path: string }[] | undefined,
  optional: boolean,
): Promise<void> {
  const files = new Map<string, Buffer>()
  if (!values && !optional)
    throw new ContainerConfigError('CreateContainerConfigError', `volume: ${origin} does not exist; create it`)
  const wanted = items ?? Object.keys(values ?? {}).map((key) => ({ key, path: key }))
  for (const { key, path } of wanted) {
    const value = values?.[key]
    if (value === undefined) {
      if (optional) continue
      throw new ContainerConfigError('CreateContainerConfigError', `volume: ${origin} has no key ${key}`)
    }
    const file = resolve(folder, path)
    if (!file.startsWith(folder + sep)) {
      throw new ContainerConfigError(
        'CreateContainerConfigError',
        `volume: path ${path} of ${origin} leaves the volume`,
      )
    }
    files.set(file.slice(folder.length + 1), value)
  }
  await replaceFiles(folder, files)
}

/** The substitutions for one container, longest mountPath first. Throws where a process cannot have the mount. */
export function mountedPaths(pod: Pod, container: Container, directory: string): MountedPath[] {
  const mounts: MountedPath[] = []
  for (const mount of container.volumeMounts ?? []) {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === mount.name)
    if (!volume) throw unsupported(`volumeMount ${mount.name} names no volume of the Pod`)
    if (volume.projected?.sources?.some((source) => source.serviceAccountToken)) continue
    if (mount.subPathExpr !== undefined) throw unsupported(`volumeMount ${mount.name}: subPathExpr is not supported`)
    const source = join(volumeSource(volume, directory), mount.subPath ?? '')
    const mountPath = withoutTrailingSlash(mount.mountPath)
    if (volume.hostPath) {
      if (withoutTrailingSlash(normalize(source)) === mountPath) continue
      throw unsupported(
        `volumeMount ${mount.name}: Pods of the local node are processes of this machine and cannot see ${source} at ` +
          `${mountPath}; set mountPath to ${source}`,
      )
    }
    mounts.push({ mountPath, source })
  }
  return mounts.sort((a, b) => b.mountPath.length - a.mountPath.length)
}

function volumeSource(volume: Volume, directory: string): string {
  if (volume.hostPath) return volume.hostPath.path
  if (volume.emptyDir || volume.secret || volume.configMap) return volumeFolder(directory, volume.name)
  throw unsupported(
    `volume ${volume.name}: the local node offers emptyDir, hostPath, secret and configMap; use a hostPath whose ` +
      'mountPath is the same path',
  )
}

function unsupported(message: string): ContainerConfigError {
  return new ContainerConfigError('UnsupportedVolume', message)
}

function volumeFolder(directory: string, name: string): string {
  return join(directory, 'volumes', name)
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/**
 * Puts the real folders in place of mount paths: where one begins the text, or follows `=`, `,`, `:` or `://`, and is
 * followed by `/`, `,`, `:` or the end.
 */
export function substituteMounts(text: string, mounts: readonly MountedPath[]): string {
  if (mounts.length === 0) return text
  const alternatives = mounts.map((mount) => mount.mountPath.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  const pattern = new RegExp(`(?<=^|[=,:]|://)(${alternatives})(?=$|[/,:])`, 'g')
  return text.replace(pattern, (found) => mounts.find((mount) => mount.mountPath === found)?.source ?? found)
}
