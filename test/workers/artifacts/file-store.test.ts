import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOfBytes } from '../../../workers/artifacts/digest.ts'
import {
  ArtifactNotFoundError,
  CorruptArtifactError,
  InvalidNameError,
  StoreFullError,
} from '../../../workers/artifacts/errors.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ArtifactReference, ArtifactStore, PublishRequest } from '../../../workers/artifacts/store.ts'
import { failingFilesystem, inputOf, snapshot, temporaryFolder } from './support.ts'

const request: PublishRequest = {
  kind: 'Dataset',
  inputDigest: inputOf('logs'),
  metadata: { users: 3 },
  createdBy: { engine: '1.30.0' },
}

const publishText = (store: ArtifactStore, text: string, provenance = {}): Promise<ArtifactReference> =>
  store.publish({ ...request, provenance }, (folder) => writeFile(join(folder, 'events.u32'), text))

const folderOf = (reference: ArtifactReference): string => fileURLToPath(reference.uri)

describe('publish and open', () => {
  test('what was written comes back, whatever the files', async () => {
    const store = openFileStore(await temporaryFolder())
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,12}$/).filter((text) => !text.endsWith('.json'))
    const files = fc.dictionary(
      fc.oneof(
        name,
        fc.tuple(name, name).map((parts) => `sub-${parts[0]}/${parts[1]}`),
      ),
      fc.uint8Array(),
    )
    await fc.assert(
      fc.asyncProperty(files, async (contents) => {
        const reference = await store.publish(request, async (folder) => {
          for (const [path, bytes] of Object.entries(contents)) {
            await mkdir(join(folder, path, '..'), { recursive: true })
            await writeFile(join(folder, path), bytes)
          }
        })
        const artifact = await store.open(reference.digest)
        expect(artifact.manifest.files.map((file) => file.path)).toEqual(Object.keys(contents).sort())
        for (const [path, bytes] of Object.entries(contents)) {
          expect(new Uint8Array(await artifact.readFile(path))).toEqual(bytes)
        }
        expect(reference.sizeBytes).toBe(Object.values(contents).reduce((sum, bytes) => sum + bytes.length, 0))
      }),
      { numRuns: 25 },
    )
  })

  test('equal inputs give an equal digest; provenance has no part in it', async () => {
    const first = await publishText(openFileStore(await temporaryFolder()), 'abc', { host: 'one' })
    const second = await publishText(openFileStore(await temporaryFolder()), 'abc', { host: 'two' })
    expect(second.digest).toBe(first.digest)
    expect(await readFile(join(folderOf(second), 'provenance.json'), 'utf8')).toBe('{"host":"two"}')
    expect(digestOfBytes(await readFile(join(folderOf(first), 'manifest.json')))).toBe(first.digest)
  })

  test('the writer may add metadata that it knows only at the end', async () => {
    const store = openFileStore(await temporaryFolder())
    const { digest } = await store.publish(request, async () => ({ interactions: 7 }))
    expect((await store.open(digest)).manifest.metadata).toEqual({ users: 3, interactions: 7 })
  })

  test('many at once are one artifact, and staging is left empty', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    const references = await Promise.all(Array.from({ length: 8 }, () => publishText(store, 'same')))
    expect(new Set(references.map((reference) => reference.digest)).size).toBe(1)
    expect(await readdir(join(root, 'staging'))).toEqual([])
    expect((await (await store.open(references[0].digest)).readFile('events.u32')).toString()).toBe('same')
  })

  test('a file URI opens the same store', async () => {
    const root = await temporaryFolder()
    const { digest } = await publishText(openFileStore(root), 'x')
    expect(await openFileStore(openFileStore(root).uri).stat(digest)).toBeDefined()
  })

  test('an error in the writer leaves nothing', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    const failing = store.publish(request, async (folder) => {
      await writeFile(join(folder, 'half'), 'x')
      throw new Error('training diverged')
    })
    await expect(failing).rejects.toThrow('training diverged')
    expect(await snapshot(root)).toEqual({})
  })
})

describe('damage', () => {
  test('one flipped byte is refused, whichever it is', async () => {
    const store = openFileStore(await temporaryFolder())
    const reference = await publishText(store, 'some bytes of events')
    const path = join(folderOf(reference), 'events.u32')
    const sound = await readFile(path)
    await fc.assert(
      fc.asyncProperty(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), async (position, flip) => {
        const damaged = Buffer.from(sound)
        damaged[position] ^= flip
        await writeFile(path, damaged)
        await expect(store.open(reference.digest)).rejects.toThrow(CorruptArtifactError)
      }),
      { numRuns: 20 },
    )
  })

  test('the error names file, digests and remedy', async () => {
    const store = openFileStore(await temporaryFolder())
    const reference = await publishText(store, 'abc')
    await writeFile(join(folderOf(reference), 'events.u32'), 'abd')
    const error = await store.open(reference.digest).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(CorruptArtifactError)
    expect(String(error)).toMatch(/events\.u32.*ba7816bf.*a52d159f.*Quarantine/)
  })

  test('a changed manifest, a missing file and a link in its place are refused', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    const reference = await publishText(store, 'abc')
    const events = join(folderOf(reference), 'events.u32')
    await rm(events)
    await expect(store.open(reference.digest)).rejects.toThrow('missing')
    await writeFile(join(root, 'elsewhere'), 'abc')
    await symlink(join(root, 'elsewhere'), events)
    await expect(store.open(reference.digest)).rejects.toThrow('no regular file')
    const manifest = join(folderOf(reference), 'manifest.json')
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"users":3', '"users":4'))
    await expect(store.open(reference.digest)).rejects.toThrow('manifest.json')
    expect(await store.stat(reference.digest)).toBeUndefined()
  })

  test('quarantine makes room for a rebuild; publishing over a damaged one repairs it', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    const reference = await publishText(store, 'abc')
    await truncate(join(folderOf(reference), 'events.u32'), 1)
    await store.quarantine(reference.digest)
    await expect(store.open(reference.digest)).rejects.toThrow(ArtifactNotFoundError)
    await publishText(store, 'abc')
    await writeFile(join(folderOf(reference), 'events.u32'), 'abd')
    expect((await publishText(store, 'abc')).digest).toBe(reference.digest)
    expect((await (await store.open(reference.digest)).readFile('events.u32')).toString()).toBe('abc')
    expect(await readdir(join(root, 'quarantine'))).toHaveLength(2)
    await store.quarantine(inputOf('never built'))
  })
})

describe('index by input', () => {
  test('finds what was recorded, per namespace', async () => {
    const store = openFileStore(await temporaryFolder())
    const { digest } = await publishText(store, 'abc')
    await store.recordInput('ads', request.inputDigest, digest)
    expect((await store.findByInput('ads', request.inputDigest))?.digest).toBe(digest)
    expect(await store.findByInput('other', request.inputDigest)).toBeUndefined()
  })

  test('dangling, damaged, torn and foreign entries count as absent', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    const reference = await publishText(store, 'abc')
    await store.recordInput('ads', inputOf('dangling'), inputOf('nothing'))
    expect(await store.findByInput('ads', inputOf('dangling'))).toBeUndefined()
    await store.recordInput('ads', inputOf('foreign'), reference.digest)
    expect(await store.findByInput('ads', inputOf('foreign'))).toBeUndefined()
    await store.recordInput('ads', request.inputDigest, reference.digest)
    const [entry] = (await readdir(join(root, 'index', 'ads'))).filter((name) =>
      name.includes(request.inputDigest.slice(7)),
    )
    await writeFile(join(root, 'index', 'ads', entry), reference.digest.slice(0, 20))
    expect(await store.findByInput('ads', request.inputDigest)).toBeUndefined()
    await store.recordInput('ads', request.inputDigest, reference.digest)
    await truncate(join(folderOf(reference), 'events.u32'), 1)
    expect(await store.findByInput('ads', request.inputDigest)).toBeUndefined()
  })
})

describe('names from outside', () => {
  test.each(['..', '../x', 'a/b', 'UPPER', '', '.hidden', 'x'.repeat(64)])(
    'namespace %j is refused',
    async (namespace) => {
      const store = openFileStore(await temporaryFolder())
      await expect(store.recordInput(namespace, inputOf('a'), inputOf('b'))).rejects.toThrow(InvalidNameError)
      await expect(store.ledger.append(namespace, {})).rejects.toThrow(InvalidNameError)
      expect(() => store.checkpoints(namespace, inputOf('a'))).toThrow(InvalidNameError)
    },
  )

  test('digests cannot climb', async () => {
    const store = openFileStore(await temporaryFolder())
    await expect(store.open('sha256:../../../../etc')).rejects.toThrow('Not a digest')
    await expect(store.findByInput('ads', '../../x')).rejects.toThrow('Not a digest')
  })

  test('only files of the manifest are given out', async () => {
    const store = openFileStore(await temporaryFolder())
    const artifact = await store.open((await publishText(store, 'abc')).digest)
    expect(() => artifact.path('../../../../../etc/passwd')).toThrow(InvalidNameError)
    expect(() => artifact.path('other')).toThrow('events.u32')
  })

  test('a writer may not leave links, hidden files or a manifest of its own', async () => {
    const root = await temporaryFolder()
    const store = openFileStore(root)
    await expect(store.publish(request, (folder) => symlink('/etc/passwd', join(folder, 'users')))).rejects.toThrow(
      'links',
    )
    await expect(store.publish(request, (folder) => writeFile(join(folder, '.x'), ''))).rejects.toThrow('leading dot')
    await expect(store.publish(request, (folder) => writeFile(join(folder, 'manifest.json'), '{}'))).rejects.toThrow(
      'the store itself',
    )
    expect(await snapshot(root)).toEqual({})
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
})
