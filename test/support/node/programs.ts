import { join } from 'node:path'
import type { Unavailable } from '../control-plane/unavailable.ts'
import { type BuildOptions, buildWithGo, requiredVersion } from '../go-build.ts'

const sources = join(import.meta.dirname, 'programs')

/** Builds the node's programs that are not Kubernetes' own, `dns` and `pod`, unless the cache has them. */
export async function buildNodePrograms(options: BuildOptions): Promise<{ folder: string } | Unavailable> {
  const version = await requiredVersion(sources, 'github.com/coredns/coredns')
  return buildWithGo(
    {
      what: `CoreDNS ${version}`,
      sources,
      files: ['dns/main.go', 'pod/main.go', 'go.mod', 'go.sum'],
      version,
      package: './...',
      duration: 'about 3 minutes on 2 cores',
      withoutGo: 'no CoreDNS: install Go 1.26, with which it is built once',
    },
    options,
  )
}
