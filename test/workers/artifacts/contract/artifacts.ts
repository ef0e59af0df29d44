import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../../../workers/artifacts/digest.ts'
import { ArtifactNotFoundError, CorruptArtifactError, InvalidNameError } from '../../../../workers/artifacts/errors.ts'
import type { ArtifactReference, ArtifactStore, PublishRequest } from '../../../../workers/artifacts/store.ts'
import { inputOf, snapshot } from '../support.ts'
import type { NewPlace } from './place.ts'

export const request: PublishRequest = {
  kind: 'Dataset',
  inputDigest: inputOf('logs'),
  metadata: { users: 3 },
  createdBy: { engine: '1.30.0' },
}

export const publishText = (store: ArtifactStore, text: string, provenance = {}): Promise<ArtifactReference> =>
  store.publish({ ...request, provenance }, (folder) => writeFile(join(folder, 'events.u32'), text))

const textOf = async (store: ArtifactStore, { digest }: ArtifactReference): Promise<string> =>
  (await (await store.open(digest)).readFile('events.u32')).toString()

/** What holds for artifacts and the index in every store. */
export function artifactContract(newPlace: NewPlace): void {
  describe('publish and open', () => {
    test('what was written comes back, whatever the files', async (context) => {
      const place = await newPlace(context)
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
          const reference = await place.store.publish(request, async (folder) => {
            for (const [path, bytes] of Object.entries(contents)) {
              await mkdir(dirname(join(folder, path)), { recursive: true })
              await writeFile(join(folder, path), bytes)
            }
          })
          expect(reference.sizeBytes).toBe(Object.values(contents).reduce((sum, bytes) => sum + bytes.length, 0))
          expect(await place.store.stat(reference.digest)).toMatchObject(reference)
          for (const store of [place.store, await place.elsewhere()]) {
            const artifact = await store.open(reference.digest)
            expect(artifact.manifest.files.map((file) => file.path)).toEqual(Object.keys(contents).sort())
            for (const [path, bytes] of Object.entries(contents)) {
              expect(new Uint8Array(await artifact.readFile(path))).toEqual(bytes)
            }
          }
        }),
        { numRuns: 25 },
      )
    })

    test('equal inputs give an equal digest; provenance has no part in it and lies beside', async (context) => {
      const [one, other] = [await newPlace(context), await newPlace(context)]
      const first = await publishText(one.store, 'abc', { host: 'one' })
      const second = await publishText(other.store, 'abc', { host: 'two' })
      expect(second.digest).toBe(first.digest)
      expect(await readFile(await other.fileOf(second, 'provenance.json'), 'utf8')).toBe('{"host":"two"}')
    })

    test('the writer may add metadata that it knows only at the end', async (context) => {
      const { store } = await newPlace(context)
      const { digest } = await store.publish(request, async () => ({ interactions: 7 }))
      expect((await store.open(digest)).manifest.metadata).toEqual({ users: 3, interactions: 7 })
    })

    test('many at once, from two machines, are one artifact, and nothing else is left', async (context) => {
      const { store, elsewhere, root } = await newPlace(context)
      const stores = [store, await elsewhere()]
      const references = await Promise.all(
        Array.from({ length: 8 }, (_, index) => publishText(stores[index % 2], 'same')),
      )
      expect(new Set(references.map((reference) => reference.digest)).size).toBe(1)
      expect(await textOf(await elsewhere(), references[0])).toBe('same')
      const copies = Object.values(await snapshot(root)).filter((text) => text === 'same')
      expect(copies).toHaveLength(1)
    })

    test('many open one artifact at once', async (context) => {
      const { store, elsewhere } = await newPlace(context)
      const reference = await publishText(store, 'read by all')
      const other = await elsewhere()
      const texts = await Promise.all(Array.from({ length: 6 }, () => textOf(other, reference)))
      expect(new Set(texts)).toEqual(new Set(['read by all']))
    })

    test('an error in the writer leaves nothing', async (context) => {
      const { store, root } = await newPlace(context)
      const failing = store.publish(request, async (folder) => {
        await writeFile(join(folder, 'half'), 'x')
        throw new Error('training diverged')
      })
      await expect(failing).rejects.toThrow('training diverged')
      expect(await snapshot(root)).toEqual({})
    })

    test('what was never published is absent', async (context) => {
      const { store } = await newPlace(context)
      await expect(store.open(inputOf('nothing'))).rejects.toThrow(ArtifactNotFoundError)
      expect(await store.stat(inputOf('nothing'))).toBeUndefined()
    })
  })

  describe('damage', () => {
    test('one flipped byte is refused, whichever it is', async (context) => {
      const place = await newPlace(context)
      const reference = await publishText(place.store, 'some bytes of events')
      const path = await place.fileOf(reference, 'events.u32')
      const sound = await readFile(path)
      await fc.assert(
        fc.asyncProperty(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), async (position, flip) => {
          const damaged = Buffer.from(sound)
          damaged[position] ^= flip
          await writeFile(path, damaged)
          await expect((await place.elsewhere()).open(reference.digest)).rejects.toThrow(CorruptArtifactError)
        }),
        { numRuns: 20 },
      )
    })

    test('the error names file, digests and remedy', async (context) => {
      const place = await newPlace(context)
      const reference = await publishText(place.store, 'abc')
      await writeFile(await place.fileOf(reference, 'events.u32'), 'abd')
      const error = await (await place.elsewhere()).open(reference.digest).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(CorruptArtifactError)
      expect(String(error)).toMatch(/events\.u32.*ba7816bf.*a52d159f.*Quarantine/)
    })

    test('a missing file and a changed manifest are refused', async (context) => {
      const place = await newPlace(context)
      const reference = await publishText(place.store, 'abc')
      const other = await place.elsewhere()
      await rm(await place.fileOf(reference, 'events.u32'))
      await expect(other.open(reference.digest)).rejects.toThrow('missing')
      expect(await other.stat(reference.digest)).toBeUndefined()
      const manifest = place.manifestOf(reference)
      await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"users":3', '"users":4'))
      await expect(other.open(reference.digest)).rejects.toThrow(CorruptArtifactError)
      expect(await other.stat(reference.digest)).toBeUndefined()
    })

    test('quarantine makes room for a rebuild; publishing over a damaged one repairs it', async (context) => {
      const place = await newPlace(context)
      const reference = await publishText(place.store, 'abc')
      await truncate(await place.fileOf(reference, 'events.u32'), 1)
      expect(await place.store.stat(reference.digest)).toBeUndefined()
      await place.store.quarantine(reference.digest)
      await expect(place.store.open(reference.digest)).rejects.toThrow(ArtifactNotFoundError)
      await publishText(place.store, 'abc')
      expect(await textOf(await place.elsewhere(), reference)).toBe('abc')
      await writeFile(await place.fileOf(reference, 'events.u32'), 'abd')
      expect((await publishText(place.store, 'abc')).digest).toBe(reference.digest)
      expect(await textOf(await place.elsewhere(), reference)).toBe('abc')
      const quarantined = Object.keys(await snapshot(join(place.root, 'quarantine')))
      expect(quarantined.length).toBeGreaterThanOrEqual(2)
      await place.store.quarantine(inputOf('never built'))
    })
  })

  describe('index by input', () => {
    test('finds what was recorded, per namespace', async (context) => {
      const { store } = await newPlace(context)
      const { digest } = await publishText(store, 'abc')
      expect(await store.findByInput('ads', request.inputDigest)).toBeUndefined()
      await store.recordInput('ads', request.inputDigest, digest)
      expect((await store.findByInput('ads', request.inputDigest))?.digest).toBe(digest)
      expect(await store.findByInput('other', request.inputDigest)).toBeUndefined()
    })

    test('dangling, damaged, torn and foreign entries count as absent', async (context) => {
      const place = await newPlace(context)
      const { store } = place
      const reference = await publishText(store, 'abc')
      await store.recordInput('ads', inputOf('dangling'), inputOf('nothing'))
      expect(await store.findByInput('ads', inputOf('dangling'))).toBeUndefined()
      await store.recordInput('ads', inputOf('foreign'), reference.digest)
      expect(await store.findByInput('ads', inputOf('foreign'))).toBeUndefined()
      await store.recordInput('ads', request.inputDigest, reference.digest)
      const entry = join(place.root, 'index', 'ads', `${hexOf(request.inputDigest)}.json`)
      await writeFile(entry, reference.digest.slice(0, 20))
      expect(await store.findByInput('ads', request.inputDigest)).toBeUndefined()
      await store.recordInput('ads', request.inputDigest, reference.digest)
      await truncate(await place.fileOf(reference, 'events.u32'), 1)
      expect(await store.findByInput('ads', request.inputDigest)).toBeUndefined()
    })
  })

  describe('names from outside', () => {
    for (const namespace of ['..', '../x', 'a/b', 'UPPER', '', '.hidden', 'x'.repeat(64)]) {
      test(`namespace ${JSON.stringify(namespace)} is refused`, async (context) => {
        const { store } = await newPlace(context)
        await expect(store.recordInput(namespace, inputOf('a'), inputOf('b'))).rejects.toThrow(InvalidNameError)
        await expect(store.ledger.append(namespace, {})).rejects.toThrow(InvalidNameError)
        expect(() => store.checkpoints(namespace, inputOf('a'))).toThrow(InvalidNameError)
      })
    }

    test('digests cannot climb', async (context) => {
      const { store } = await newPlace(context)
      await expect(store.open('sha256:../../../../etc')).rejects.toThrow('Not a digest')
      await expect(store.findByInput('ads', '../../x')).rejects.toThrow('Not a digest')
    })

    test('only files of the manifest are given out', async (context) => {
      const { store } = await newPlace(context)
      const artifact = await store.open((await publishText(store, 'abc')).digest)
      expect(() => artifact.path('../../../../../etc/passwd')).toThrow(InvalidNameError)
      expect(() => artifact.path('other')).toThrow('events.u32')
    })

    test('a writer may not leave links, hidden files or a manifest of its own', async (context) => {
      const { store, root } = await newPlace(context)
      const refused = (write: (folder: string) => Promise<void>) => expect(store.publish(request, write)).rejects
      await refused((folder) => symlink('/etc/passwd', join(folder, 'users'))).toThrow('links')
      await refused((folder) => writeFile(join(folder, '.x'), '')).toThrow('leading dot')
      await refused((folder) => writeFile(join(folder, 'manifest.json'), '{}')).toThrow('the store itself')
      expect(await snapshot(root)).toEqual({})
    })
  })
}
