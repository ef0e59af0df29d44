import { join } from 'node:path'
import type { Unavailable } from '../control-plane/unavailable.ts'
import { type BuildOptions, buildWithGo, requiredVersion } from '../go-build.ts'

const sources = import.meta.dirname
const module = 'github.com/versity/versitygw'
const binary = 'versitygw'

/**
 * Builds the S3 server that go.mod names unless the cache has it, and returns the path of its binary.
 *
 * @throws with the end of the compiler's output when the build fails.
 */
export async function buildS3Server(options: BuildOptions): Promise<{ program: string } | Unavailable> {
  const version = await requiredVersion(sources, module)
  const built = await buildWithGo(
    {
      what: `versitygw ${version}`,
      sources,
      files: ['go.mod', 'go.sum'],
      version,
      package: `${module}/cmd/versitygw`,
      binary,
      ldflags: '',
      duration: 'about 2 minutes on 2 cores',
      withoutGo: 'no S3 server: install Go 1.26, with which versitygw is built once',
    },
    options,
  )
  return 'reason' in built ? built : { program: join(built.folder, binary) }
}
