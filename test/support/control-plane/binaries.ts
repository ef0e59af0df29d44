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

const names = { etcd: 'etcd', apiServer: 'kube-apiserver', controllerManager: 'kube-controller-manager' } as const

/**
 * Finds the control plane's binaries by the convention of controller-runtime's envtest (`KUBEBUILDER_ASSETS`, or
 * `TEST_ASSET_KUBE_APISERVER` and the like for single files), else builds them once with Go and keeps them.
 *
 * @throws when Go is there and the build fails: that is a fault of ours, not of the machine.
 */
export async function findBinaries(options: BuildOptions): Promise<Binaries | Unavailable> {
  const { env } = options
  const given = givenFolder(env)
  if (given === undefined) {
    const built = await buildControlPlane(options)
    return 'reason' in built ? built : inFolder(env, built.folder)
  }
  const binaries = inFolder(env, given)
  const missing = Object.entries(names).filter(([key]) => !isExecutable(binaries[key as keyof Binaries]))
  if (missing.length === 0) return binaries
  const variables = missing.map(([, name]) => assetVariable(name)).join(', ')
  return {
    reason:
      `KUBEBUILDER_ASSETS or TEST_ASSET_* is set, but ${missing.map(([, name]) => name).join(', ')} is not there; ` +
      `add it, name it with ${variables}, or unset them all to have it built with Go`,
  }
}

function givenFolder(env: NodeJS.ProcessEnv): string | undefined {
  if (env.KUBEBUILDER_ASSETS) return env.KUBEBUILDER_ASSETS
  return Object.values(names).some((name) => env[assetVariable(name)]) ? '/usr/local/kubebuilder/bin' : undefined
}

function inFolder(env: NodeJS.ProcessEnv, folder: string): Binaries {
  const locate = (name: string) => env[assetVariable(name)] || join(folder, name)
  return {
    etcd: locate(names.etcd),
    apiServer: locate(names.apiServer),
    controllerManager: locate(names.controllerManager),
  }
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
