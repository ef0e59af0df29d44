import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { InvalidNameError } from '../../../workers/artifacts/errors.ts'
import { openLogStore } from '../../../workers/artifacts/log-store.ts'
import { logDaysContract } from './contract/log-days.ts'
import { temporaryFolder } from './support.ts'

async function scene() {
  const folder = await mkdtemp(join(tmpdir(), 'log-store-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const root = join(folder, 'store')
  const file = join(folder, 'finished.jsonl')
  await writeFile(file, '{"a":1}\n')
  return { root, file, store: openLogStore(pathToFileURL(root).href) }
}

const key = 'feedback/shop/feed/clicks/2026-11-28/031500000-pod-1.jsonl'

it('a finished file is copied to its place, leaves nothing behind, and may be put there again', async () => {
  const { root, file, store } = await scene()
  await store.publish(key, file)
  await store.publish(key, file)
  expect(await readFile(join(root, key), 'utf8')).toBe('{"a":1}\n')
  expect(await readFile(file, 'utf8')).toBe('{"a":1}\n')
  expect(await readdir(join(root, 'staging'))).toEqual([])
})

it('nothing is visible where it could not be finished', async () => {
  const { root, file, store } = await scene()
  await expect(store.publish(key, `${file}.absent`)).rejects.toThrow('ENOENT')
  await mkdir(join(root, key), { recursive: true })
  await expect(store.publish(key, file)).rejects.toThrow()
  expect(await readdir(join(root, key))).toEqual([])
  expect(await readdir(join(root, 'staging'))).toEqual([])
})

it.each(['../outside', 'feedback/../../outside', '/etc/x', 'feedback/.hidden'])(
  'a key %s leads nowhere',
  async (bad) => {
    const { file, store } = await scene()
    await expect(store.publish(bad, file)).rejects.toThrow(InvalidNameError)
  },
)

logDaysContract(async () => {
  const root = await temporaryFolder()
  return { location: root, root }
})

it('another kind of store is refused with what to do', () => {
  expect(() => openLogStore('gs://bucket/store')).toThrow('leave spec.serving.feedback out')
})
