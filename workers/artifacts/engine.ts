import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch } from 'node:os'

/**
 * Names what decides the bytes of a result besides its inputs: our version, ONNX Runtime's, the execution provider and
 * the CPU family, since ONNX Runtime chooses its kernels by instruction set. Digests are compared within one engine.
 */
export function describeEngine(cpuInfo: string = readCpuInfo()): string {
  const require = createRequire(import.meta.url)
  const adloom = (require('../../package.json') as { version: string }).version
  const runtime = (require('onnxruntime-node/package.json') as { version: string }).version
  return `adloom-${adloom} onnxruntime-${runtime} cpu ${cpuFamily(arch(), cpuInfo)}`
}

/** Architecture, vendor, family and the widest vector instructions, from the text of /proc/cpuinfo. */
export function cpuFamily(architecture: string, cpuInfo: string): string {
  const value = (name: string) => cpuInfo.match(new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm'))?.[1]?.trim()
  const flags = new Set((value('flags') ?? value('Features') ?? '').split(' '))
  const vectors = ['amx_tile', 'avx512_vnni', 'avx512f', 'avx2', 'avx', 'sve', 'asimd'].find((flag) => flags.has(flag))
  const parts = [architecture, value('vendor_id') ?? value('CPU implementer'), value('cpu family'), vectors]
  return parts.filter((part) => part !== undefined).join('-')
}

/** Other systems have no such file; there the architecture alone names the family. */
function readCpuInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
