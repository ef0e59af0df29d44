import { readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { digestOfBytes } from '../../../workers/artifacts/digest.ts'
import { StoreFullError } from '../../../workers/artifacts/errors.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import { openStore } from '../../../workers/artifacts/open-store.ts'
import { artifactContract, publishText, request } from './contract/artifacts.ts'
import { checkpointContract } from './contract/checkpoints.ts'
import { garbageContract } from './contract/garbage.ts'
import { ledgerContract } from './contract/ledger.ts'
import type { StorePlace } from './contract/place.ts'
import { failingFilesystem, inputOf, snapshot, temporaryFolder } from './support.ts'

async function newPlace(): Promise<StorePlace> {
  const root = await temporaryFolder()
  return {
    store: openFileStore(root),
    elsewhere: async () => openFileStore(root),
    root,
    fileOf: async (reference, file) => join(fileURLToPath(reference.uri), file),
    manifestOf: (reference) => join(fileURLToPath(reference.uri), 'manifest.json'),
    age: (folder, milliseconds) => {
      const then = (Date.now() - milliseconds) / 1000
      return agedFolder(join(root, folder), then)
    },
  }
}

/** The folder itself, or those in it where it is one of several. */
async function agedFolder(path: string, then: number): Promise<void> {
  await utimes(path, then, then)
  for (const name of await readdir(path)) await utimes(join(path, name), then, then)
}

describe('file store', () => {
  artifactContract(newPlace)
  checkpointContract(newPlace)
  ledgerContract(newPlace)
  garbageContract(newPlace)
})

describe('a store in a folder', () => {
  test('is opened by its file URI as well', async () => {
    const root = await temporaryFolder()
    const { digest } = await publishText(openFileStore(root), 'x')
    expect(await openStore(openFileStore(root).uri).stat(digest)).toBeDefined()
  })

  test('holds an artifact as a folder with its manifest, whose digest is the name', async () => {
    const reference = await publishText(openFileStore(await temporaryFolder()), 'abc')
    const manifest = await readFile(join(fileURLToPath(reference.uri), 'manifest.json'))
    expect(digestOfBytes(manifest)).toBe(reference.digest)
  })

  test('refuses a link in the place of a file', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    const reference = await publishText(store, 'abc')
    const events = join(fileURLToPath(reference.uri), 'events.u32')
    await rm(events)
    await writeFile(join(root, 'elsewhere'), 'abc')
    await symlink(join(root, 'elsewhere'), events)
    await expect(store.open(reference.digest)).rejects.toThrow('no regular file')
  })
})

describe('a full disk', () => {
  test.each(['open', 'mkdir', 'rename'] as const)(
    'in any %s call: a clear error and the state as before',
    async (method) => {
      const root = await temporaryFolder()
      await publishText(openFileStore(root), 'before')
      const before = await snapshot(root)
      for (let after = 0; ; after++) {
        const store = openFileStore(root, { filesystem: failingFilesystem(method, after) })
        const error = await publishText(store, 'new').then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error === undefined) break
        expect(error).toBeInstanceOf(StoreFullError)
        expect(String(error)).toContain(root)
        // The last calls flush folders after the rename: then the artifact is whole and may stay.
        const left = await snapshot(root)
        const added = Object.keys(left).filter((path) => !(path in before))
        if (added.length > 0) {
          expect(added.some((path) => path.includes('staging'))).toBe(false)
          break
        }
        expect(left).toEqual(before)
      }
    },
  )

  test('inside the writer is named as such too', async () => {
    const store = openFileStore(await temporaryFolder())
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    await expect(store.publish(request, (): Promise<void> => Promise.reject(full))).rejects.toThrow(StoreFullError)
  })

  test('while a checkpoint is written leaves the earlier one', async () => {
    const root = await temporaryFolder()
    const weights = (text: string) => (folder: string) => writeFile(join(folder, 'weights.f32'), text)
    const input = inputOf('run')
    await openFileStore(root).checkpoints('ads', input).write(1, 'a', weights('one'))
    const full = openFileStore(root, { filesystem: failingFilesystem('open', 1) }).checkpoints('ads', input)
    await expect(full.write(2, 'a', weights('two'))).rejects.toThrow('No space left')
    expect((await openFileStore(root).checkpoints('ads', input).latest())?.step).toBe(1)
  })
})
