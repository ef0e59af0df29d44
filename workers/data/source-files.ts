/** The files of a source: those that a glob pattern finds below its folder, and none outside. */
import { glob, lstat, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { type AdvertisingTable, advertisingTables } from '../../crds/advertising.ts'
import { errorCode } from '../artifacts/errors.ts'
import type { DatasetSpec } from './dataset-spec.ts'
import { BadDataError } from './errors.ts'

export interface SourceFile {
  /** Below the source's folder, forward slashes: how messages name it. */
  name: string
  /** Absolute, links resolved. */
  path: string
  /** Bytes. */
  size: number
  /** 64 hex digits, where they were counted while the file was written. */
  sha256?: string
}

export interface SourceFiles {
  /** Absolute, links resolved; holds all of them. */
  folder: string
  interactions: SourceFile[]
  items: SourceFile[]
  /** Only with tables of ads. */
  advertising?: Partial<Record<AdvertisingTable, SourceFile[]>>
}

/**
 * Finds what each table of spec.advertising is read from, by a search for one pattern; undefined without tables. What
 * has no tables keeps the digest that it always had.
 */
export async function findTables<T>(
  { advertising }: DatasetSpec,
  find: (pattern: string, field: string) => Promise<T[]>,
): Promise<Partial<Record<AdvertisingTable, T[]>> | undefined> {
  const found: Partial<Record<AdvertisingTable, T[]>> = {}
  for (const table of advertisingTables) {
    const path = advertising?.[table]?.path
    if (path !== undefined) found[table] = await find(path, `spec.advertising.${table}.path`)
  }
  return Object.keys(found).length === 0 ? undefined : found
}

/** @throws BadDataError when the folder or the files are absent, or a name leads outside */
export async function findSourceFiles(spec: DatasetSpec): Promise<SourceFiles> {
  const { file } = spec.source
  if (file === undefined || spec.interactions === undefined) {
    throw new BadDataError('InvalidSpec', 'spec.source.file and spec.interactions are needed to read files')
  }
  const folder = await resolveFolder(file.path)
  const advertising = await findTables(spec, (pattern, field) => matchFiles(folder, pattern, field))
  return {
    folder,
    ...(advertising && { advertising }),
    interactions: await matchFiles(folder, spec.interactions.path, 'spec.interactions.path'),
    items: spec.items === undefined ? [] : await matchFiles(folder, spec.items.path, 'spec.items.path'),
  }
}

async function resolveFolder(path: string): Promise<string> {
  try {
    const folder = await realpath(path)
    if ((await stat(folder)).isDirectory()) return folder
  } catch (cause) {
    throw new BadDataError(
      'SourceNotFound',
      `There is no folder ${path} on this worker. Mount it in the WorkerPool's template, or change spec.source.file.path.`,
      { cause },
    )
  }
  throw new BadDataError(
    'SourceNotFound',
    `${path} is not a folder. Change spec.source.file.path to the folder itself.`,
  )
}

/** @throws BadDataError when a pattern would lead out of the source */
export function checkPattern(pattern: string, field: string): void {
  if (isAbsolute(pattern) || pattern.split(/[/\\]/).includes('..')) {
    throw new BadDataError('InvalidSpec', `${field} must stay below the source's folder: no leading /, no ".."`)
  }
}

/** By code units: the same order whatever the locale and the file system. */
export const byName = (one: { name: string }, other: { name: string }): number => (one.name < other.name ? -1 : 1)

async function matchFiles(folder: string, pattern: string, field: string): Promise<SourceFile[]> {
  checkPattern(pattern, field)
  const files: SourceFile[] = []
  for await (const name of glob(pattern, { cwd: folder })) {
    const found = await describe(folder, name, field)
    if (found !== undefined) files.push(found)
  }
  if (files.length === 0) {
    throw new BadDataError(
      'SourceNotFound',
      `No file in ${folder} matches ${JSON.stringify(pattern)}. Change ${field}.`,
    )
  }
  return files.sort(byName)
}

async function describe(folder: string, name: string, field: string): Promise<SourceFile | undefined> {
  if (await isGone(join(folder, name))) return undefined
  const path = await realpath(join(folder, name))
  const status = await stat(path)
  if (!status.isFile()) return undefined
  if (!path.startsWith(folder + sep)) {
    throw new BadDataError('InvalidSpec', `${name} is a link that leads out of ${folder}. Change ${field} or the link.`)
  }
  // DuckDB would take such a name for a pattern of its own.
  if (/[*?[\]]/.test(path)) {
    throw new BadDataError('InvalidSpec', `${path} has one of * ? [ ] in its name. Rename it or change ${field}.`)
  }
  return { name: relative(folder, join(folder, name)).split(sep).join('/'), path, size: status.size }
}

/** Removed since the folder was listed, as old files of a log are. */
async function isGone(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return false
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true
    throw error
  }
}
