import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const prefix = 'adloom-e2e-'
const emptyAttempts = 100
const cgroupRoot = '/sys/fs/cgroup'
/** What a kubelet sets for the whole machine. */
const sysctls = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
]

/** What a node leaves in the file system once its namespaces are gone, with all their processes and mounts. */
export interface Traces {
  directory: string
  /** The name of the cgroup that was made in each hierarchy. */
  cgroup: string
}

/** Makes the folder and the cgroups of a node, and removes those of nodes whose maker was killed. */
export async function makeTraces(): Promise<Traces> {
  await removeAbandoned()
  const directory = await mkdtemp(join(tmpdir(), prefix))
  await writeFile(join(directory, 'maker'), String(process.pid))
  const kept = Object.fromEntries(await Promise.all(sysctls.map(async (name) => [name, await readSysctl(name)])))
  await writeFile(join(directory, 'sysctls.json'), JSON.stringify(kept))
  const cgroup = basename(directory)
  // A hierarchy of v2 beside those of v1 has no controller that a Pod needs; the kubelet makes a folder there itself.
  for (const hierarchy of await hierarchies()) {
    if (basename(hierarchy) !== 'unified') await mkdir(join(hierarchy, cgroup))
  }
  return { directory, cgroup }
}

/** Only after the last process of the node has ended. */
export async function removeTraces({ directory, cgroup }: Traces): Promise<void> {
  const kept = JSON.parse(await readFile(join(directory, 'sysctls.json'), 'utf8')) as Record<string, string>
  for (const [name, value] of Object.entries(kept)) {
    if ((await readSysctl(name)) !== value) await writeFile(join('/proc/sys', name), value)
  }
  for (const hierarchy of await hierarchies()) await removeCgroup(join(hierarchy, cgroup))
  await rm(directory, { recursive: true, force: true })
}

const readSysctl = (name: string): Promise<string> => readFile(join('/proc/sys', name), 'utf8')

async function hierarchies(): Promise<string[]> {
  // With cgroup v1 alone or beside v2, each controller has a folder; with v2 alone there is one for all.
  if (existsSync(join(cgroupRoot, 'cgroup.controllers'))) return [cgroupRoot]
  const entries = await readdir(cgroupRoot, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'unified')
    .map(({ name }) => join(cgroupRoot, name))
}

/** The files of a cgroup cannot be removed, and need not be. A killed process leaves its cgroup a moment later. */
async function removeCgroup(path: string): Promise<void> {
  if (!existsSync(path)) return
  const entries = await readdir(path, { withFileTypes: true })
  for (const entry of entries) {
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name))
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await rmdir(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === emptyAttempts) throw error
      await sleep(100)
    }
  }
}

async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const directory = join(tmpdir(), name)
    const maker = Number(await readFile(join(directory, 'maker'), 'utf8').catch(() => ''))
    if (maker > 0 && !existsSync(`/proc/${maker}`)) await removeTraces({ directory, cgroup: name })
  }
}
