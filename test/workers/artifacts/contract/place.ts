import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import type { ArtifactReference, ArtifactStore } from '../../../../workers/artifacts/store.ts'

/** An empty store whose bytes a test can reach behind its back. */
export interface StorePlace {
  store: ArtifactStore
  /** The same store as another machine sees it, which has kept nothing of it. */
  elsewhere(): Promise<ArtifactStore>
  /** Folder on disk below which everything lies. */
  root: string
  /** Path on disk of a file of an artifact. */
  fileOf(reference: ArtifactReference, file: string): Promise<string>
  /** Path on disk of what holds the manifest. */
  manifestOf(reference: ArtifactReference): string
  /** Makes a folder below the root look as if last written so many milliseconds ago. */
  age(folder: string, milliseconds: number): Promise<void>
}

/** Skips the test where there is no such store. */
export type NewPlace = (context: Pick<TestContext, 'skip'>) => Promise<StorePlace>

export async function ageFiles(folder: string, milliseconds: number): Promise<void> {
  const then = (Date.now() - milliseconds) / 1000
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), then, then)
  }
}
