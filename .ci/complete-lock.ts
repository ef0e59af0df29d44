/**
 * Completes package-lock.json after `npm install` on a machine whose registry mirror carries the packages of
 * its own platform only: npm then leaves the other platforms' optional packages out of the lock, and `npm ci`
 * refuses it. Each left-out package is exact-pinned by its parent, so its entry follows from the parent's.
 *
 * Usage: npm install NAME && npx node .ci/complete-lock.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface LockedPackage {
  version?: string
  optional?: boolean
  dev?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'openbsd', 'netbsd', 'sunos', 'aix', 'win32']
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32']

function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> | undefined {
  const words = name.slice(name.lastIndexOf('/') + 1).split(/[-_.]/)
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  if (os === undefined || cpu === undefined) return undefined
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined
  return { os: [os], cpu: [cpu], ...(libc && os === 'linux' ? { libc } : {}) }
}

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> }
const added: string[] = []
for (const parent of Object.values(lock.packages)) {
  for (const [name, range] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`
    const platform = platformOf(name)
    if (lock.packages[path] || !platform || !/^\d+\.\d+\.\d+/.test(range)) continue
    lock.packages[path] = { version: range, ...(parent.dev ? { dev: true } : {}), optional: true, ...platform }
    added.push(`${name}@${range}`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length ? `Completed package-lock.json with ${added.join(', ')}` : 'package-lock.json was complete')
