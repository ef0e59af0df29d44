/** What can go wrong with a store, each with the place and the remedy. */

export class ArtifactNotFoundError extends Error {
  readonly digest: string
  constructor(digest: string, place: string) {
    super(`No artifact ${digest} in the store ${place}. Re-run what made it, or point the store at where it lies.`)
    this.name = 'ArtifactNotFoundError'
    this.digest = digest
  }
}

export interface Corruption {
  /** The artifact or checkpoint that is damaged. */
  digest: string
  /** File relative to its folder. */
  file: string
  expected: string
  /** What was found: a digest, a size, or a word such as `missing`. */
  actual: string
}

export class CorruptArtifactError extends Error {
  readonly corruption: Corruption
  constructor(corruption: Corruption, place: string) {
    const { digest, file, expected, actual } = corruption
    super(
      `Artifact ${digest} is corrupt: ${file} in ${place} should be ${expected} but is ${actual}. ` +
        'Nothing of it was loaded. Quarantine it and run the job again; it builds the same bytes.',
    )
    this.name = 'CorruptArtifactError'
    this.corruption = corruption
  }
}

/** The disk (or a quota on it) is full. Nothing was published and nothing is left behind: free space, then retry. */
export class StoreFullError extends Error {
  readonly path: string
  constructor(path: string, cause: unknown) {
    super(
      `No space left for the artifact store at ${path}. Free space or enlarge the volume; the job can then be retried.`,
      { cause },
    )
    this.name = 'StoreFullError'
    this.path = path
  }
}

/** A name from outside (namespace, file, ledger) that may not become part of a path. */
export class InvalidNameError extends Error {
  constructor(what: string, name: string, rule: string) {
    super(`Invalid ${what} ${JSON.stringify(name.slice(0, 200))}: ${rule}`)
    this.name = 'InvalidNameError'
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Names a full disk as such; every other error passes as it is. */
export function asStoreError(error: unknown, path: string): unknown {
  const code = errorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT' ? new StoreFullError(path, error) : error
}
