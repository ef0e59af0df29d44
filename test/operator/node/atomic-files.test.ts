import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { replaceFiles } from '../../../operator/node/atomic-files.ts'
import { temporaryDirectory } from './support.ts'

const filesOf = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))

async function contentsOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('..'))
  const entries = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])
  return Object.fromEntries(await Promise.all(entries))
}

it('shows the last files alone, and leaves nothing of those before', async () => {
  const folder = join(await temporaryDirectory(), 'volume')
  await replaceFiles(folder, filesOf({ a: '1', b: '1' }))
  await replaceFiles(folder, filesOf({ b: '2', c: '2' }))
  expect(await contentsOf(folder)).toEqual({ b: '2', c: '2' })
  await replaceFiles(folder, filesOf({}))
  expect(await contentsOf(folder)).toEqual({})
  expect(await readdir(folder)).toHaveLength(2)
})

it('has files in folders, and takes over what lies there without links', async () => {
  const folder = await temporaryDirectory()
  await mkdir(join(folder, 'deep'))
  await writeFile(join(folder, 'deep', 'old'), '0')
  await writeFile(join(folder, 'plain'), '0')
  await replaceFiles(folder, filesOf({ 'deep/new': '1', plain: '1' }))
  expect(await readdir(join(folder, 'deep'))).toEqual(['new'])
  expect(await readFile(join(folder, 'plain'), 'utf8')).toBe('1')
})

it('changes all files at once for whoever reads them through one look at the link', async () => {
  const folder = await temporaryDirectory()
  await replaceFiles(folder, filesOf({ first: '0', second: '0' }))
  let isWriting = true
  const writing = (async () => {
    for (let round = 1; round <= 30; round++)
      await replaceFiles(folder, filesOf({ first: `${round}`, second: `${round}` }))
    isWriting = false
  })()
  const seen = new Set<string>()
  while (isWriting) {
    // A folder that was replaced in between is gone: then a reader looks again, and finds the newer one.
    const data = await readFile(join(folder, 'first'), 'utf8').catch(() => 'replaced')
    if (data !== 'replaced') expect(data).toMatch(/^\d+$/)
    seen.add(data)
  }
  await writing
  expect(seen.size).toBeGreaterThan(1)
})
