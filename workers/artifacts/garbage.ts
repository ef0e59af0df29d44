/** Removing what nobody refers to. */
import { join } from 'node:path'
import { type Digest, isDigest } from './digest.ts'
import { errorCode } from './errors.ts'
import { type Filesystem, listFolder, namesIn } from './filesystem.ts'
import type { Layout } from './layout.ts'
import { moveAside } from './staging.ts'
import type { Collected, GarbageCollection } from './store.ts'

export async function collectGarbage(
  filesystem: Filesystem,
  layout: Layout,
  request: GarbageCollection,
): Promise<Collected> {
  const collected: Collected = { artifacts: [], folders: [], checkpoints: [], bytes: 0 }
  // Old staging folders first: removed artifacts pass through staging and must not be counted twice.
  await collectFolders(filesystem, layout, request, collected)
  await collectCheckpoints(filesystem, layout, request, collected)
  await collectArtifacts(filesystem, layout, request, collected)
  return collected
}

async function collectFolders(
  filesystem: Filesystem,
  layout: Layout,
  request: GarbageCollection,
  collected: Collected,
): Promise<void> {
  for (const home of [layout.staging, layout.quarantine]) {
    for (const name of await namesIn(filesystem, home)) {
      const folder = join(home, name)
      if (!(await isOld(filesystem, folder, request))) continue
      collected.bytes += await sizeOf(filesystem, folder)
      await filesystem.rm(folder, { recursive: true, force: true })
      collected.folders.push(name)
    }
  }
}

async function collectCheckpoints(
  filesystem: Filesystem,
  layout: Layout,
  request: GarbageCollection,
  collected: Collected,
): Promise<void> {
  for (const namespace of await namesIn(filesystem, layout.checkpoints)) {
    for (const hex of await namesIn(filesystem, join(layout.checkpoints, namespace))) {
      const inputDigest = `sha256:${hex}`
      const folder = join(layout.checkpoints, namespace, hex)
      if (!isDigest(inputDigest) || !(await isOld(filesystem, folder, request))) continue
      const isActive = request.isActiveInput
        ? request.isActiveInput(namespace, inputDigest)
        : !(await exists(filesystem, layout.index(namespace, inputDigest)))
      if (isActive) continue
      collected.bytes += await sizeOf(filesystem, folder)
      await filesystem.rm(folder, { recursive: true, force: true })
      collected.checkpoints.push(`${namespace}/${inputDigest}`)
    }
  }
}

async function collectArtifacts(
  filesystem: Filesystem,
  layout: Layout,
  request: GarbageCollection,
  collected: Collected,
): Promise<void> {
  for (const prefix of await namesIn(filesystem, layout.artifacts)) {
    for (const hex of await namesIn(filesystem, join(layout.artifacts, prefix))) {
      const digest: Digest = `sha256:${hex}`
      if (!isDigest(digest) || request.isReferenced(digest)) continue
      const folder = layout.artifact(digest)
      if (!(await isOld(filesystem, folder, request))) continue
      const bytes = await sizeOf(filesystem, folder)
      const aside = await moveAside(filesystem, folder, layout.staging)
      if (aside === undefined) continue
      await filesystem.rm(aside, { recursive: true, force: true })
      collected.artifacts.push(digest)
      collected.bytes += bytes
    }
  }
  await dropDanglingIndexes(filesystem, layout, new Set(collected.artifacts))
}

async function dropDanglingIndexes(filesystem: Filesystem, layout: Layout, gone: Set<Digest>): Promise<void> {
  if (gone.size === 0) return
  for (const namespace of await namesIn(filesystem, layout.indexes)) {
    for (const name of await namesIn(filesystem, join(layout.indexes, namespace))) {
      const path = join(layout.indexes, namespace, name)
      const text = await filesystem.readFile(path, 'utf8')
      if ([...gone].some((digest) => text.includes(digest))) await filesystem.rm(path, { force: true })
    }
  }
}

async function isOld(filesystem: Filesystem, folder: string, request: GarbageCollection): Promise<boolean> {
  try {
    return request.now - (await filesystem.lstat(folder)).mtimeMs >= request.olderThan
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

async function exists(filesystem: Filesystem, path: string): Promise<boolean> {
  try {
    await filesystem.lstat(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

async function sizeOf(filesystem: Filesystem, folder: string): Promise<number> {
  if (!(await filesystem.lstat(folder)).isDirectory()) return 0
  let bytes = 0
  for (const file of (await listFolder(filesystem, folder)).files) {
    bytes += (await filesystem.lstat(join(folder, file))).size
  }
  return bytes
}
