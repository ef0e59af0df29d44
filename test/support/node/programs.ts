import { join } from 'node:path'
import type { GoModule } from '../control-plane/build.ts'

/** The node's programs that are not Kubernetes' own. */
export const programs: GoModule = {
  sources: join(import.meta.dirname, 'programs'),
  mains: ['dns/main.go', 'pod/main.go'],
  versionOf: 'github.com/coredns/coredns',
  remedy: 'install Go 1.26, with which it is built once',
  duration: 'about 3 minutes on 2 cores',
}
