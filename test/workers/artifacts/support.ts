import { existsSync } from 'node:fs'
import nodeFilesystem from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { digestOf } from '../../../workers/artifacts/digest.ts'
import type { Filesystem } from '../../../workers/artifacts/filesystem.ts'

/** An empty folder that goes when the test has finished. */
export async function temporaryFolder(): Promise<string> {
  const folder = await nodeFilesystem.mkdtemp(join(tmpdir(), 'adloom-test-'))
  onTestFinished(() => nodeFilesystem.rm(folder, { recursive: true, force: true }))
  return folder
}

/** A real file system whose `method` fails with `code` once `after` calls of it have passed. */
export function failingFilesystem(method: keyof Filesystem, after: number, code = 'ENOSPC'): Filesystem {
  let calls = 0
  const failing = (...parameters: unknown[]): unknown => {
    calls += 1
    if (calls > after) throw Object.assign(new Error(`${code}: injected`), { code })
    return Reflect.apply(nodeFilesystem[method], nodeFilesystem, parameters)
  }
  return { ...nodeFilesystem, [method]: failing }
}

/** Every file below a folder with its contents: what a failed operation must leave as it was. */
export async function snapshot(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  if (!existsSync(root)) return found
  for (const entry of await nodeFilesystem.readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) found[path] = await nodeFilesystem.readFile(path, 'utf8')
  }
  return found
}

export const inputOf = (name: string) => digestOf({ name })
