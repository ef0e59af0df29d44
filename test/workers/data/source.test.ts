import { symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DatasetSpec } from '../../../workers/data/dataset-spec.ts'
import { digestSource } from '../../../workers/data/source-digest.ts'
import { findSourceFiles } from '../../../workers/data/source-files.ts'
import { sourceWith } from './support.ts'

const specOf = (folder: string, path: string): DatasetSpec => ({
  source: { file: { path: folder } },
  interactions: { path, format: 'SequenceLines' },
  split: { strategy: 'LeaveOneOut' },
})

describe('files of a source', () => {
  test('are those that match, sorted by name, folders left out', async () => {
    const folder = await sourceWith({ 'b/x.txt': '', 'a/y.txt': 'u', 'a/z.csv': '', 'B.txt': '' })
    const found = async (pattern: string) =>
      (await findSourceFiles(specOf(folder, pattern))).interactions.map((file) => file.name)
    expect(await found('**/*.txt')).toEqual(['B.txt', 'a/y.txt', 'b/x.txt'])
    expect(await found('a/*')).toEqual(['a/y.txt', 'a/z.csv'])
    await expect(found('b')).rejects.toThrow('matches "b". Change spec.interactions.path')
  })

  test.each(['../secret.txt', 'a/../../secret.txt', '/etc/passwd', '..\\secret.txt'])(
    '%s is refused',
    async (pattern) => {
      const folder = await sourceWith({ 'a.txt': '' })
      await expect(findSourceFiles(specOf(folder, pattern))).rejects.toThrow('must stay below')
    },
  )

  test('a link may lead elsewhere inside the source, as mounted volumes do, but not out of it', async () => {
    const folder = await sourceWith({ '..data/real.txt': 'u a\n' })
    await symlink(join(folder, '..data/real.txt'), join(folder, 'inside.txt'))
    expect((await findSourceFiles(specOf(folder, '*.txt'))).interactions).toHaveLength(1)
    const elsewhere = await sourceWith({ 'secret.txt': 'u a\n' })
    await symlink(join(elsewhere, 'secret.txt'), join(folder, 'outside.txt'))
    await expect(findSourceFiles(specOf(folder, '*.txt'))).rejects.toThrow('outside.txt is a link that leads out')
    await symlink(elsewhere, join(folder, 'folder'))
    await expect(findSourceFiles(specOf(folder, 'folder/*.txt'))).rejects.toThrow('leads out')
  })

  test('names that DuckDB would take for patterns are refused', async () => {
    const folder = await sourceWith({ 'a[1].txt': '' })
    await expect(findSourceFiles(specOf(folder, 'a*'))).rejects.toThrow('Rename it')
  })

  test('a missing folder, or a file in its place', async () => {
    await expect(findSourceFiles(specOf('/no/such/folder', '*'))).rejects.toThrow('change spec.source.file.path')
    const folder = await sourceWith({ 'a.txt': '' })
    await expect(findSourceFiles(specOf(join(folder, 'a.txt'), '*'))).rejects.toThrow('is not a folder')
  })
})

describe('content digest of a source', () => {
  test('follows names and contents, not times or other files', async () => {
    const folder = await sourceWith({ 'a.txt': 'u a\n', 'b.txt': 'v b\n' })
    const spec = specOf(folder, '*.txt')
    const before = await digestSource(spec)
    expect(before).toMatchObject({ files: 2, bytes: 8 })
    await utimes(join(folder, 'a.txt'), 1, 1)
    await writeFile(join(folder, 'c.csv'), 'x')
    expect(await digestSource(spec)).toEqual(before)
    const same = await sourceWith({ 'a.txt': 'u a\n', 'b.txt': 'v b\n' })
    expect((await digestSource(specOf(same, '*.txt'))).digest).toBe(before.digest)
    await writeFile(join(folder, 'a.txt'), 'u b\n')
    expect((await digestSource(spec)).digest).not.toBe(before.digest)
    const renamed = await sourceWith({ 'a.txt': 'u a\n', 'd.txt': 'v b\n' })
    expect((await digestSource(specOf(renamed, '*.txt'))).digest).not.toBe(before.digest)
  })

  test('of a simulation follows its parameters', async () => {
    const simulation = { users: 10, items: 20, interests: 2, interactionsPerUser: 5, driftPercent: 0, seed: 1 }
    const digestOfSimulation = async (seed: number) =>
      (await digestSource({ source: { simulation: { ...simulation, seed } }, split: { strategy: 'LeaveOneOut' } }))
        .digest
    expect(await digestOfSimulation(1)).toBe(await digestOfSimulation(1))
    expect(await digestOfSimulation(2)).not.toBe(await digestOfSimulation(1))
  })

  test('is cancelled by its signal', async () => {
    const folder = await sourceWith({ 'a.txt': 'u a\n' })
    const signal = AbortSignal.abort(new Error('suspended'))
    await expect(digestSource(specOf(folder, '*'), { signal })).rejects.toThrow('suspended')
  })
})
