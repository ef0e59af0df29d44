import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { followFile } from '../../../../workers/serving/auction/follow-file.ts'

/** A file below a link, as a ConfigMap shows it, and a clock whose ticks the test gives. */
async function scene() {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-follow-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const due: (() => void)[] = []
  const timers = {
    monotonic: () => 0,
    after: (_: number, run: () => void) => {
      due.push(run)
      return () => void due.splice(due.indexOf(run), 1)
    },
  }
  const seen: (string | undefined)[] = []
  const errors: unknown[] = []
  const path = join(folder, 'settings.json')
  const options = {
    timers,
    onChange: (text: string | undefined) => void seen.push(text),
    onError: (error: unknown) => void errors.push(error),
  }
  /** One look, to its end: it plans the next one. */
  const look = async () => {
    due.shift()?.()
    await expect.poll(() => due.length).toBe(1)
  }
  const put = async (text: string) => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  return { folder, path, options, seen, errors, due, look, put }
}

it('tells what is there at first, and each other content once', async () => {
  const { path, options, seen, look, put } = await scene()
  await put('1')
  const file = await followFile(path, options)
  expect(file.first).toBe('1')
  await look()
  await put('2')
  await look()
  await look()
  expect(seen).toEqual(['2'])
})

it('takes a file that comes later, and one that is away at two looks for gone', async () => {
  const { path, options, seen, look, put } = await scene()
  const file = await followFile(path, options)
  expect(file.first).toBeUndefined()
  await put('1')
  await look()
  await rm(path)
  await look()
  expect(seen).toEqual(['1'])
  await put('1')
  await look()
  expect(seen).toEqual(['1'])
  await rm(path)
  await look()
  await look()
  await look()
  expect(seen).toEqual(['1', undefined])
})

it('follows a link that leads elsewhere', async () => {
  const { folder, path, options, seen, look } = await scene()
  for (const name of ['a', 'b']) await writeFile(join(folder, name), name)
  await symlink('a', path)
  await followFile(path, options)
  await symlink('b', `${path}.new`)
  await rename(`${path}.new`, path)
  await look()
  expect(seen).toEqual(['b'])
})

it('goes on where a file cannot be read, and ends when it is told to', async () => {
  const { folder, options, errors, due, look } = await scene()
  const file = await followFile(folder, options)
  await look()
  expect([file.first, errors.length]).toEqual([undefined, 2])
  file.stop()
  expect(due).toEqual([])
})
