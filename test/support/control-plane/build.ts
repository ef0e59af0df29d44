import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type BuildOptions, buildWithGo, requiredVersion } from '../go-build.ts'
import type { Unavailable } from './unavailable.ts'

const sources = import.meta.dirname
const components = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy']
const binary = 'control-plane'

/**
 * Builds the multi-call binary of main.go unless the cache has it, and returns the folder in which it stands under
 * each component's name, which is also a folder for `KUBEBUILDER_ASSETS`.
 *
 * @throws with the end of the compiler's output when the build fails.
 */
export async function buildControlPlane(options: BuildOptions): Promise<{ folder: string } | Unavailable> {
  const version = await requiredVersion(sources, 'k8s.io/kubernetes')
  return buildWithGo(
    {
      what: `etcd and Kubernetes ${version}`,
      sources,
      files: ['main.go', 'go.mod', 'go.sum'],
      version,
      package: '.',
      binary,
      ldflags: versionFlags(version),
      duration: 'about 7 minutes on 2 cores',
      withoutGo: 'no kube-apiserver: set KUBEBUILDER_ASSETS, or install Go 1.26, with which it is built once',
      async finish(folder) {
        for (const name of components) await symlink(binary, join(folder, name))
      },
    },
    options,
  )
}

/** Without a version the API server calls itself v0.0.0-master and version checks misbehave. */
function versionFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.')
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  return Object.entries(values)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ')
}
