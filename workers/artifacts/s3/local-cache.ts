/**
 * Verified copies of artifacts on this machine, shared by the processes of a Pod.
 *
 * Whoever opens an artifact gets a folder of his own whose files are hard links to those of the cache. So nothing that
 * is in use can be pulled away, and a file's count of links tells whether it is in use, also after a crash.
 */
import { randomUUID } from 'node:crypto'
import * as filesystem from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { asStoreError, CorruptArtifactError, errorCode } from '../errors.ts'
import { listFolder, namesIn } from '../filesystem.ts'
import { verifyFiles } from '../manifest.ts'
import type { ManifestFile } from '../store.ts'

export interface LocalCacheOptions {
  /** Shared with other processes, on the same file system as the folders of those who open. */
  folder: string
  /** What is not in use is removed, the longest unused first, until no more than this is left. */
  limitBytes: number
}

/** What a process that died while it downloaded leaves behind goes after this time. */
const ABANDONED_AFTER = 24 * 3_600_000
const ROUNDS = 3

export class LocalCache {
  readonly #entries: string
  readonly #incoming: string
  readonly #limitBytes: number

  constructor({ folder, limitBytes }: LocalCacheOptions) {
    this.#entries = join(folder, 'artifacts')
    this.#incoming = join(folder, 'incoming')
    this.#limitBytes = limitBytes
  }

  /**
   * Fills the new folder `view` with the files of an artifact, from the cache or by `fetch`, which gets a folder.
   * @throws CorruptArtifactError when what `fetch` brings is not as listed; StoreFullError
   */
  async provide(
    digest: string,
    files: readonly ManifestFile[],
    view: string,
    fetch: (folder: string) => Promise<void>,
  ): Promise<void> {
    try {
      for (let round = 1; ; round++) {
        if (await this.#link(digest, files, view)) return
        const entry = await this.#fetch(digest, files, fetch)
        // Others may push it out again before it is linked; who is unlucky thrice takes what he fetched.
        if (round < ROUNDS) await this.#add(digest, entry)
        else return await filesystem.rename(entry, view)
      }
    } catch (error) {
      throw asStoreError(error, dirname(this.#entries))
    }
  }

  /** Takes over a folder that was just published. Its files are as listed; others in it go. */
  async adopt(digest: string, files: readonly ManifestFile[], folder: string): Promise<void> {
    const listed = new Set(files.map((file) => file.path))
    for (const path of (await listFolder(filesystem, folder)).files) {
      if (!listed.has(path)) await filesystem.rm(join(folder, path))
    }
    await this.#add(digest, folder)
  }

  /** Whether `view` now holds verified files. */
  async #link(digest: string, files: readonly ManifestFile[], view: string): Promise<boolean> {
    const entry = this.#entry(digest)
    try {
      const now = new Date()
      await filesystem.utimes(entry, now, now)
      await linkFiles(entry, files, view)
      await verifyFiles(filesystem, view, files, { digest })
      return true
    } catch (error) {
      await filesystem.rm(view, { recursive: true, force: true })
      if (error instanceof CorruptArtifactError) await this.#remove(digest)
      else if (errorCode(error) !== 'ENOENT') throw error
      return false
    }
  }

  async #fetch(
    digest: string,
    files: readonly ManifestFile[],
    fetch: (folder: string) => Promise<void>,
  ): Promise<string> {
    const folder = join(this.#incoming, randomUUID())
    await filesystem.mkdir(folder, { recursive: true, mode: 0o700 })
    try {
      await fetch(folder)
      await verifyFiles(filesystem, folder, files, { digest, sizesOnly: true })
      return folder
    } catch (error) {
      await filesystem.rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** The first of several equal ones stays. */
  async #add(digest: string, folder: string): Promise<void> {
    try {
      await filesystem.mkdir(this.#entries, { recursive: true, mode: 0o700 })
      await filesystem.rename(folder, this.#entry(digest))
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EXDEV') throw error
      await filesystem.rm(folder, { recursive: true, force: true })
    }
    await this.#evict(digest)
  }

  async #evict(newest: string): Promise<void> {
    const entries = await this.#describe()
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
    for (const entry of entries.toSorted((one, other) => one.usedAt - other.usedAt)) {
      if (bytes <= this.#limitBytes) break
      if (entry.inUse || entry.name === nameOf(newest)) continue
      await this.#removeEntry(entry.name)
      bytes -= entry.bytes
    }
    for (const name of await namesIn(filesystem, this.#incoming)) {
      const path = join(this.#incoming, name)
      const status = await filesystem.stat(path).catch(() => undefined)
      if (status && Date.now() - status.mtimeMs > ABANDONED_AFTER) {
        await filesystem.rm(path, { recursive: true, force: true })
      }
    }
  }

  async #describe(): Promise<{ name: string; bytes: number; usedAt: number; inUse: boolean }[]> {
    const described: { name: string; bytes: number; usedAt: number; inUse: boolean }[] = []
    for (const name of await namesIn(filesystem, this.#entries)) {
      const folder = join(this.#entries, name)
      try {
        const { mtimeMs: usedAt } = await filesystem.stat(folder)
        const { files } = await listFolder(filesystem, folder)
        const states = await Promise.all(files.map((file) => filesystem.stat(join(folder, file))))
        const bytes = states.reduce((sum, { size }) => sum + size, 0)
        described.push({ name, bytes, usedAt, inUse: states.some(({ nlink }) => nlink > 1) })
      } catch (error) {
        // Another process removes it at this moment.
        if (errorCode(error) !== 'ENOENT') throw error
      }
    }
    return described
  }

  #remove(digest: string): Promise<void> {
    return this.#removeEntry(nameOf(digest))
  }

  /** Moved away first, so that nobody links files of a folder that is half gone. */
  async #removeEntry(name: string): Promise<void> {
    const aside = join(this.#incoming, randomUUID())
    try {
      await filesystem.mkdir(this.#incoming, { recursive: true, mode: 0o700 })
      await filesystem.rename(join(this.#entries, name), aside)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
    await filesystem.rm(aside, { recursive: true, force: true })
  }

  #entry(digest: string): string {
    return join(this.#entries, nameOf(digest))
  }
}

const nameOf = (digest: string): string => digest.slice('sha256:'.length)

/** @throws with code ENOENT when the entry lacks one of them */
async function linkFiles(entry: string, files: readonly ManifestFile[], view: string): Promise<void> {
  await filesystem.mkdir(view, { recursive: true })
  for (const { path } of files) {
    const target = join(view, path)
    await filesystem.mkdir(dirname(target), { recursive: true })
    try {
      await filesystem.link(join(entry, path), target)
    } catch (error) {
      const code = errorCode(error)
      // Volumes without hard links, or two of them: a copy is slower and as good.
      if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error
      await filesystem.copyFile(join(entry, path), target)
    }
  }
}
