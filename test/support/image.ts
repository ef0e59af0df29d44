import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../../operator/cli/cache-folder.ts'
import { withBuildLock } from './control-plane/build-lock.ts'
import type { Unavailable } from './control-plane/unavailable.ts'

export interface BuiltImage {
  /** Path of an OCI archive, for `ctr images import`. */
  archive: string
  /** Name and tag in it. */
  name: string
}

export interface BuildImageOptions {
  env?: NodeJS.ProcessEnv
  /** Gets a line at each step; the first build on a machine takes minutes. */
  report?: (line: string) => void
}

const root = join(import.meta.dirname, '../..')
/** What the Dockerfile reads, after .dockerignore. */
const context = ['Dockerfile', '.dockerignore', 'package.json', 'package-lock.json', '.npmrc', 'README.md', 'LICENSE']
const contextFolders = ['.ci', 'crds', 'operator', 'workers']
const suite = 'bookworm'
const dependencies = 'localhost/adloom-dependencies:latest'
const keptMs = 86_400_000
const run = promisify(execFile)

/**
 * Builds the image of our Dockerfile by buildah, without a daemon and without a registry of images: its BUILD image is
 * made of Debian's packages and this machine's npm. The archive is kept below the user's cache folder by what it is
 * made from.
 *
 * @returns the reason where the machine has no way to build one.
 * @throws with the end of buildah's output when the build fails.
 */
export async function buildImage(options: BuildImageOptions = {}): Promise<BuiltImage | Unavailable> {
  const env = options.env ?? process.env
  const report = options.report ?? (() => undefined)
  const cache = cacheFolder(env, homedir(), 'image')
  const digest = await contextDigest()
  const name = `adloom.local/adloom:${digest}`
  const archive = join(cache, `adloom-${digest}.tar`)
  if (await exists(archive)) return { archive, name }
  if (process.getuid?.() !== 0) return { reason: 'no image: buildah builds it as root only' }
  const mirror = await debianMirror()
  if (mirror === undefined)
    return { reason: 'no image: its base is made by debootstrap, and apt names no Debian mirror' }
  const missing = await installTools(env, report)
  if (missing !== undefined) return { reason: `no image: ${missing}` }
  await mkdir(cache, { recursive: true })
  return withBuildLock(join(cache, 'lock'), { report }, async () => {
    if (await exists(archive)) return { archive, name }
    const buildah = buildahIn(cache, env)
    report('building the image; about 2 minutes on 2 cores where its packages are not there yet')
    const base = await buildBase(buildah, cache, mirror, report)
    await buildFrom(buildah, base, name, archive, cache)
    await removeOld(cache, archive)
    return { archive, name }
  })
}

type Buildah = (...args: string[]) => Promise<string>

/** Storage of its own: nothing else on the machine sees these images. */
function buildahIn(cache: string, env: NodeJS.ProcessEnv): Buildah {
  const storage = ['--root', join(cache, 'storage'), '--runroot', join(cache, 'run')]
  const environment = { ...env, BUILDAH_ISOLATION: 'chroot' }
  return async (...args) => runNiced('buildah', [...storage, ...args], environment)
}

async function runNiced(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await run('nice', ['-n', '10', program, ...args], { env, maxBuffer: 64 * 1024 * 1024 })
    return stdout.trim()
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${program} ${args.join(' ')} failed: ${(stdout + stderr).slice(-4000)}`)
  }
}

/** A Debian with npm, named after what it is made of. */
async function buildBase(
  buildah: Buildah,
  cache: string,
  mirror: string,
  report: (line: string) => void,
): Promise<string> {
  const npm = dirname(dirname((await run('readlink', ['-f', await which('npm')])).stdout.trim()))
  const node = join(root, 'node_modules/node')
  const { version } = JSON.parse(await readFile(join(node, 'package.json'), 'utf8')) as { version: string }
  const name = `localhost/adloom-build:${suite}-node-${version}`
  if ((await buildah('images', '--quiet', '--filter', `reference=${name}`)) !== '') return name
  const folder = await mkdtemp(join(cache, 'base-'))
  try {
    report(`making a base of Debian ${suite}`)
    await runNiced(
      'debootstrap',
      ['--variant=minbase', '--include=ca-certificates,libatomic1', suite, folder, mirror],
      {
        ...process.env,
      },
    )
    await cp(join(node, 'bin/node'), join(folder, 'usr/local/bin/node'))
    await cp(npm, join(folder, 'usr/local/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true })
    await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(folder, 'usr/local/bin/npm'))
    const container = await buildah('from', 'scratch')
    await buildah('copy', '--quiet', container, folder, '/')
    await buildah('commit', '--quiet', '--rm', container, name)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return name
}

async function buildFrom(buildah: Buildah, base: string, name: string, archive: string, cache: string): Promise<void> {
  const settings = await mkdtemp(join(tmpdir(), 'adloom-npm-'))
  const fresh = `${archive}.${process.pid}`
  try {
    const volumes = await npmVolumes(settings)
    const build = (...args: string[]) =>
      buildah(
        ...['build', '--layers', '--network', 'host', '--ignorefile', join(root, '.dockerignore')],
        ...['--build-arg', `BUILD=${base}`, ...volumes.flatMap((volume) => ['--volume', volume])],
        ...[...args, root],
      )
    await build('--target', 'dependencies', '--tag', dependencies)
    await build('--tag', name)
    await buildah('push', '--quiet', name, `oci-archive:${fresh}:${name}`)
    await rename(fresh, archive)
    await removeOldImages(buildah, name)
  } finally {
    await rm(settings, { recursive: true, force: true })
    await rm(fresh, { force: true })
    await rm(join(cache, 'run'), { recursive: true, force: true }).catch(() => undefined)
  }
}

/** The layers that the next build starts from have a name; all others go. */
async function removeOldImages(buildah: Buildah, newest: string): Promise<void> {
  const listed = await buildah('images', '--format', '{{.Name}}:{{.Tag}}', '--filter', 'reference=adloom.local/adloom')
  const old = listed.split('\n').filter((name) => name !== newest && name !== '')
  if (old.length > 0) await buildah('rmi', ...old)
  await buildah('rmi', '--prune')
}

/** This machine's npm settings, authorities and cache, for the time of the build only. */
async function npmVolumes(folder: string): Promise<string[]> {
  const setting = async (key: string) => (await run('npm', ['config', 'get', key], { cwd: folder })).stdout.trim()
  const [user, cafile, cache] = await Promise.all(['userconfig', 'cafile', 'cache'].map(setting))
  const file = join(folder, 'npmrc')
  const lines = [await readFile(user ?? '', 'utf8').catch(() => ''), `registry=${await setting('registry')}`]
  const hasAuthority = cafile !== undefined && cafile !== '' && cafile !== 'null'
  if (hasAuthority) lines.push('cafile=/ca.crt')
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  await mkdir(cache ?? '', { recursive: true })
  return [`${file}:/root/.npmrc:ro`, `${cache}:/root/.npm`, ...(hasAuthority ? [`${cafile}:/ca.crt:ro`] : [])]
}

async function contextDigest(): Promise<string> {
  const listed = await run('git', ['ls-files', '-z', '-co', '--exclude-standard', ...context, ...contextFolders], {
    cwd: root,
    maxBuffer: 16 * 1024 * 1024,
  })
  const hash = createHash('sha256')
  for (const path of listed.stdout.split('\0').filter(Boolean).sort()) {
    const content = await readFile(join(root, path)).catch(() => '')
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex').slice(0, 16)
}

async function debianMirror(): Promise<string | undefined> {
  const folder = '/etc/apt/sources.list.d'
  const others = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name))
  const files = ['/etc/apt/sources.list', ...others.map((name) => join(folder, name))]
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '')
    const found = /^(?:URIs:|deb(?: \[[^\]]*\])?) *(\S+\/debian)\/?(?:\s|$)/m.exec(text)?.[1]
    if (found !== undefined) return found
  }
  return undefined
}

async function installTools(env: NodeJS.ProcessEnv, report: (line: string) => void): Promise<string | undefined> {
  const absent: string[] = []
  for (const tool of ['buildah', 'debootstrap'])
    if (
      await which(tool).then(
        () => false,
        () => true,
      )
    )
      absent.push(tool)
  if (absent.length === 0) return undefined
  report(`installing ${absent.join(' and ')} with apt-get`)
  const options = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } }
  try {
    await run('apt-get', ['update', '-qq'], options)
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...absent], options)
    return undefined
  } catch (error) {
    return `apt-get could not install ${absent.join(' and ')}: ${String(error).slice(-500)}`
  }
}

/** Archives that other work trees may be using stay for a day. */
async function removeOld(cache: string, newest: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry)
    if (!/^adloom-[0-9a-f]+\.tar$/.test(entry) || path === newest) continue
    if (Date.now() - (await stat(path)).mtimeMs > keptMs) await rm(path, { force: true })
  }
}

const which = async (program: string): Promise<string> => (await run('which', [program])).stdout.trim()
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
