import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder } from '../../../operator/cli/cache-folder.ts'
import { findRedisServer } from '../../../operator/cli/redis-server.ts'
import { findNodeBinaries } from '../control-plane/binaries.ts'
import type { Unavailable } from '../control-plane/unavailable.ts'
import { buildImage } from '../image.ts'
import { writePodImage, writeRedisImage } from './images.ts'
import { installPackages } from './packages.ts'
import { announce, type Prepared } from './prepared.ts'
import { buildNodePrograms } from './programs.ts'
import { makeTraces, removeTraces, type Traces } from './traces.ts'

/**
 * `npm run test:e2e`: makes all that needs the network, then runs the tests of the project `e2e` together with their
 * node in network, process and mount namespaces of their own. When the first process of the namespaces ends, however it
 * ends, the kernel ends all the others and takes down the mounts and the network.
 */
const report = (line: string) => process.stderr.write(`node: ${line}\n`)
const vitest = [join(import.meta.dirname, '../../../node_modules/vitest/vitest.mjs'), 'run', '--project', 'e2e']

function machineProblem(): Unavailable | undefined {
  if (process.platform !== 'linux') return { reason: `a real node needs Linux; this is ${process.platform}` }
  if (process.getuid?.() !== 0) return { reason: 'a real node needs root, for namespaces, mounts and cgroups' }
  return undefined
}

async function runOnNode(): Promise<number> {
  const traces = await makeTraces()
  try {
    const prepared = await prepare(traces)
    if ('reason' in prepared) return await runTests([], announce(prepared))
    return await runTests(['unshare', ...namespaces, 'sh', '-c', enter, 'sh'], {
      ...announce(prepared),
      TMPDIR: join(traces.directory, 'tmp'),
    })
  } finally {
    await removeTraces(traces)
  }
}

async function prepare(traces: Traces): Promise<Prepared | Unavailable> {
  const { directory } = traces
  const shared = { env: process.env, report }
  const binaries = await findNodeBinaries({ ...shared, cache: cacheFolder(process.env, homedir(), 'control-plane') })
  if ('reason' in binaries) return binaries
  const built = await buildNodePrograms({
    ...shared,
    cache: cacheFolder(process.env, homedir(), 'node-programs'),
  })
  if ('reason' in built) return built
  const redis = await findRedisServer(process.env, { install: true, report })
  if ('missing' in redis) return { reason: redis.missing }
  const image = await buildImage({ report })
  if ('reason' in image) return image
  await mkdir(join(directory, 'tmp'))
  const made = [await writePodImage(built.folder, directory), await writeRedisImage(redis.program, directory)]
  return { ...traces, binaries, programs: built.folder, images: [...made, image.archive], image: image.name }
}

const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

/**
 * What containerd, its plugins and the kubelet write to fixed places stays inside, too. An overlay shows what is there.
 */
const enter = `set -e
mount -t tmpfs tmpfs /run
for path in var/lib var/log; do
  mkdir -p "$TMPDIR/over/$path" "$TMPDIR/work/$path"
  mount -t overlay overlay -o "lowerdir=/$path,upperdir=$TMPDIR/over/$path,workdir=$TMPDIR/work/$path" "/$path"
done
exec "$@"`

/** The first process of the namespaces ends with its standard input, which ends with this process. */
async function runTests(prefix: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command = '', ...args] = [...prefix, process.execPath, ...vitest, ...process.argv.slice(2)]
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'inherit', 'inherit'] })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

const cannot = machineProblem() ?? (await installPackages(process.env, report))
process.exitCode = cannot ? await runTests([], announce(cannot)) : await runOnNode()
