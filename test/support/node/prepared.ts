import type { Binaries, NodeBinaries } from '../control-plane/binaries.ts'
import type { Unavailable } from '../control-plane/unavailable.ts'

/** What is made before a node starts, outside of its namespaces, which have no way to the network. */
export interface Prepared {
  /** An empty folder of the node's own. */
  directory: string
  binaries: Binaries & NodeBinaries
  /** The folder of the programs of programs/. */
  programs: string
  /** OCI archives, each with the name of its image inside. */
  images: string[]
  /** The name of our own among them. */
  image: string
  /** The parent of all cgroups of Pods, made under this name in each hierarchy. */
  cgroup: string
}

const variable = 'ADLOOM_TEST_NODE'

export const announce = (prepared: Prepared | Unavailable): NodeJS.ProcessEnv => ({
  [variable]: JSON.stringify(prepared),
})

/** What run.ts has announced to the processes that it starts. */
export function readPrepared(env: NodeJS.ProcessEnv): Prepared | Unavailable {
  const text = env[variable]
  if (!text) return { reason: 'there is no node: start these tests with `npm run test:e2e`' }
  return JSON.parse(text) as Prepared | Unavailable
}
