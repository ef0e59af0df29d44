import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Leads to the folder that has the present files. */
const dataLink = '..data'

/**
 * Replaces all files of a folder at once, as the kubelet does (pkg/volume/util/atomic_writer.go): the files lie in a
 * folder of their own, `..data` is a link to it that is renamed over the one before, and what readers open are links
 * through `..data`. Who reads sees the files before or the files after, never a part of one; what is open stays as it is.
 *
 * One writer at a time.
 *
 * @param files contents by relative path, which leads nowhere out of the folder
 */
export async function replaceFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const data = `..${randomUUID()}`
  await mkdir(join(folder, data), { mode: 0o700 })
  for (const [path, content] of files) {
    const file = join(folder, data, path)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, content, { mode: 0o600 })
  }
  const next = join(folder, `${dataLink}_tmp`)
  await rm(next, { force: true })
  await symlink(data, next)
  await rename(next, join(folder, dataLink))
  const names = new Set([...files.keys()].map((path) => path.split('/')[0] ?? path))
  const linked = await removeOthers(folder, new Set([dataLink, data, ...names]))
  for (const name of names) if (!linked.has(name)) await symlink(join(dataLink, name), join(folder, name))
}

/** Old files, links to what is no more, and what a writer left that fell over. @returns names that are links already */
async function removeOthers(folder: string, wanted: ReadonlySet<string>): Promise<Set<string>> {
  const linked = new Set<string>()
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (wanted.has(entry.name) && (entry.isSymbolicLink() || entry.name.startsWith('..'))) linked.add(entry.name)
    else await rm(join(folder, entry.name), { recursive: true, force: true })
  }
  return linked
}
