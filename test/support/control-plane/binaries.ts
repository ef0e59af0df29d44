import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import type { BuildOptions } from '../go-build.ts'
import { buildControlPlane } from './build.ts'
import type { Unavailable } from './unavailable.ts'

export interface Binaries {
  etcd: string
  apiServer: string
  controllerManager: string
}

/** What a node needs beside the control plane. */
export interface NodeBinaries {
  scheduler: string
  kubelet: string
  proxy: string
}

type Names<T> = { readonly [key in keyof T]: string }

const names: Names<Binaries> = {
  etcd: 'etcd',
  apiServer: 'kube-apiserver',
  controllerManager: 'kube-controller-manager',
}
const nodeNames: Names<NodeBinaries> = { scheduler: 'kube-scheduler', kubelet: 'kubelet', proxy: 'kube-proxy' }

/**
 * Finds the control plane's binaries by the convention of controller-runtime's envtest (`KUBEBUILDER_ASSETS`, or
 * `TEST_ASSET_KUBE_APISERVER` and the like for single files), else builds them once with Go and keeps them.
 *
 * @throws when Go is there and the build fails: that is a fault of ours, not of the machine.
 */
export const findBinaries = (options: BuildOptions): Promise<Binaries | Unavailable> => find(names, options)

/** The same for all that a node with its control plane needs. */
export const findNodeBinaries = (options: BuildOptions): Promise<(Binaries & NodeBinaries) | Unavailable> =>
  find({ ...names, ...nodeNames }, options)

async function find<T extends Record<keyof T, string>>(
  wanted: Names<T>,
  options: BuildOptions,
): Promise<Record<keyof T, string> | Unavailable> {
  const { env } = options
  const given = givenFolder(env, Object.values(wanted))
  if (given === undefined) {
    const built = await buildControlPlane(options)
    return 'reason' in built ? built : inFolder(env, built.folder, wanted)
  }
  const binaries = inFolder(env, given, wanted)
  const missing = (Object.keys(wanted) as (keyof T)[]).filter((key) => !isExecutable(binaries[key]))
  if (missing.length === 0) return binaries
  const missingNames = missing.map((key) => wanted[key])
  const variables = missingNames.map(assetVariable).join(', ')
  return {
    reason:
      `KUBEBUILDER_ASSETS or TEST_ASSET_* is set, but ${missingNames.join(', ')} is not there; ` +
      `add it, name it with ${variables}, or unset them all to have it built with Go`,
  }
}

function givenFolder(env: NodeJS.ProcessEnv, wanted: string[]): string | undefined {
  if (env.KUBEBUILDER_ASSETS) return env.KUBEBUILDER_ASSETS
  return wanted.some((name) => env[assetVariable(name)]) ? '/usr/local/kubebuilder/bin' : undefined
}

function inFolder<T extends Record<keyof T, string>>(
  env: NodeJS.ProcessEnv,
  folder: string,
  wanted: Names<T>,
): Record<keyof T, string> {
  const paths = Object.entries<string>(wanted).map(([key, name]) => [
    key,
    env[assetVariable(name)] || join(folder, name),
  ])
  return Object.fromEntries(paths) as Record<keyof T, string>
}

function assetVariable(name: string): string {
  return `TEST_ASSET_${name.toUpperCase().replaceAll('-', '_')}`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
