import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Unavailable } from '../control-plane/unavailable.ts'

/** Programs that a node needs, each with the Debian package that has it. */
const packages = {
  ctr: 'containerd',
  runc: 'runc',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  nft: 'nftables',
  iptables: 'iptables',
  conntrack: 'conntrack',
  ip: 'iproute2',
  unshare: 'util-linux',
} as const

/** Installs what is missing of a node's programs, saying so. Needs root. */
export async function installPackages(
  env: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<Unavailable | undefined> {
  const missing = await missingPackages(env)
  if (missing.length === 0) return undefined
  const line = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  report(line)
  const run = (...args: string[]) =>
    promisify(execFile)('apt-get', args, { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 2 ** 26 })
  const install = () => run('install', '-y', '--no-install-recommends', ...missing)
  try {
    // A machine that has never read the package lists knows no package.
    await install().catch(() => run('update').then(install))
  } catch (error) {
    const words = (error as { stderr?: string }).stderr?.trim().slice(-500) ?? String(error)
    return { reason: `no ${missing.join(', ')}, and \`${line}\` failed: ${words}` }
  }
  const still = await missingPackages(env)
  return still.length === 0 ? undefined : { reason: `${still.join(', ')}: installed, but not in PATH` }
}

async function missingPackages(env: NodeJS.ProcessEnv): Promise<string[]> {
  const missing: string[] = []
  for (const [program, name] of Object.entries(packages)) {
    if (!(await isProgram(program, env))) missing.push(name)
  }
  return missing
}

async function isProgram(program: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean)
  const paths = program.startsWith('/') ? [program] : folders.map((folder) => join(folder, program))
  const found = await Promise.all(
    paths.map((path) =>
      access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}
