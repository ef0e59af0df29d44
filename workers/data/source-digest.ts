/** The content digest of a source: what a revision of a Dataset is pinned to. */
import { open } from 'node:fs/promises'
import { type Digest, digestOf } from '../artifacts/digest.ts'
import { errorCode } from '../artifacts/errors.ts'
import { hashFile } from '../artifacts/manifest.ts'
import type { DatasetSpec } from './dataset-spec.ts'
import { SourceChangedError } from './errors.ts'
import { findSourceFiles, type SourceFile, type SourceFiles } from './source-files.ts'

/** Changes whenever the simulator makes other data from the same parameters. */
export const SIMULATOR_VERSION = 1

export interface SourceDigest {
  digest: Digest
  files: number
  bytes: number
}

export interface DigestOptions {
  signal?: AbortSignal
  /** Found already. */
  files?: SourceFiles
}

/**
 * Names, sizes and contents of the matched files, read as streams; for a simulation, its parameters.
 * @throws BadDataError as findSourceFiles; SourceChangedError when a file that was found is gone
 */
export async function digestSource(spec: DatasetSpec, options: DigestOptions = {}): Promise<SourceDigest> {
  if (spec.source.simulation !== undefined) {
    const digest = digestOf({ simulation: spec.source.simulation, version: SIMULATOR_VERSION })
    return { digest, files: 0, bytes: 0 }
  }
  const { interactions, items, advertising } = options.files ?? (await findSourceFiles(spec))
  const tables: [string, DescribedFile[]][] = []
  for (const [table, files] of Object.entries(advertising ?? {}))
    tables.push([table, await describe(files, options.signal)])
  const described = {
    interactions: await describe(interactions, options.signal),
    items: await describe(items, options.signal),
    ...(advertising && { advertising: Object.fromEntries(tables) }),
  }
  const all = [...described.interactions, ...described.items, ...tables.flatMap(([, files]) => files)]
  return { digest: digestOf(described), files: all.length, bytes: all.reduce((sum, file) => sum + file.size, 0) }
}

interface DescribedFile {
  path: string
  size: number
  sha256: string
  [key: string]: string | number
}

async function describe(files: readonly SourceFile[], signal: AbortSignal | undefined): Promise<DescribedFile[]> {
  const described: DescribedFile[] = []
  for (const { name, path, size, sha256 } of files) {
    described.push({
      path: name,
      ...(sha256 === undefined ? await hashFound(name, path, signal) : { sha256, size }),
    })
  }
  return described
}

async function hashFound(
  name: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ sha256: string; size: number }> {
  try {
    return await hashFile({ open }, path, signal)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new SourceChangedError(name, 'no file of that name')
    throw error
  }
}
