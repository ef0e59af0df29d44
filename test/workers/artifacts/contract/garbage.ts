import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../../../workers/artifacts/digest.ts'
import { inputOf, snapshot } from '../support.ts'
import type { NewPlace } from './place.ts'

const HOUR = 3_600_000

/** What holds for garbage collection in every store. */
export function garbageContract(newPlace: NewPlace): void {
  async function placeWith(names: string[], context: Parameters<NewPlace>[0]) {
    const place = await newPlace(context)
    const { store, root } = place
    const references = new Map<string, Awaited<ReturnType<typeof store.publish>>>()
    for (const name of names) {
      const request = { kind: 'Model', inputDigest: inputOf(name), metadata: {} }
      const reference = await store.publish(request, (folder) => writeFile(join(folder, 'w'), name))
      await store.recordInput('ads', inputOf(name), reference.digest)
      references.set(name, reference)
      await place.age(join(relative(root, place.manifestOf(reference)), '..'), 2 * HOUR)
    }
    const digestOfName = (name: string) => references.get(name)?.digest ?? ''
    const collect = (isReferenced: (digest: string) => boolean) =>
      store.collectGarbage({ isReferenced, olderThan: HOUR, now: Date.now() })
    return { ...place, digestOfName, collect, references }
  }

  const addCheckpoints = async (place: Awaited<ReturnType<typeof placeWith>>, names: string[]) => {
    for (const name of names) {
      await place.store.checkpoints('ads', inputOf(name)).write(1, 't', (folder) => writeFile(join(folder, 'w'), 'x'))
      await place.age(join('checkpoints', 'ads', hexOf(inputOf(name))), 2 * HOUR)
    }
  }

  describe('garbage collection', () => {
    test('removes what is old and nobody refers to, and says so', async (context) => {
      const { store, digestOfName, collect } = await placeWith(['kept', 'gone'], context)
      const collected = await collect((digest) => digest === digestOfName('kept'))
      expect(collected.artifacts).toEqual([digestOfName('gone')])
      expect(collected.bytes).toBeGreaterThan(4)
      expect(await store.stat(digestOfName('gone'))).toBeUndefined()
      expect(await store.findByInput('ads', inputOf('gone'))).toBeUndefined()
      expect((await store.findByInput('ads', inputOf('kept')))?.digest).toBe(digestOfName('kept'))
    })

    test('spares the young, what was just found for reuse, and what was published once more', async (context) => {
      const place = await placeWith(['reused', 'idle', 'again'], context)
      const { store, digestOfName, collect } = place
      await store.findByInput('ads', inputOf('reused'))
      const request = { kind: 'Model', inputDigest: inputOf('again'), metadata: {} }
      await store.publish(request, (folder) => writeFile(join(folder, 'w'), 'again'))
      const collected = await collect(() => false)
      expect(collected.artifacts).toEqual([digestOfName('idle')])
      for (const name of ['reused', 'again']) await (await place.elsewhere()).open(digestOfName(name))
    })

    test('what was put in quarantine goes when it is old', async (context) => {
      const place = await placeWith(['bad'], context)
      const { store, digestOfName, collect, age, root } = place
      await store.quarantine(digestOfName('bad'))
      await age('quarantine', 2 * HOUR)
      const collected = await collect(() => false)
      expect(collected.folders).not.toEqual([])
      expect(await filesBelow(root)).toEqual([expect.stringContaining('index')])
    })

    test('removes checkpoints of inputs that no run is working on', async (context) => {
      const place = await placeWith([], context)
      await addCheckpoints(place, ['running', 'orphan'])
      const collected = await place.store.collectGarbage({
        isReferenced: () => true,
        isActiveInput: (namespace, input) => namespace === 'ads' && input === inputOf('running'),
        olderThan: HOUR,
        now: Date.now(),
      })
      expect(collected.checkpoints).toEqual([`ads/${inputOf('orphan')}`])
      expect((await place.store.checkpoints('ads', inputOf('running')).latest())?.step).toBe(1)
    })

    test('without word of active runs, keeps checkpoints until their result is recorded', async (context) => {
      const place = await placeWith(['done'], context)
      await addCheckpoints(place, ['done', 'unfinished'])
      expect((await place.collect(() => true)).checkpoints).toEqual([`ads/${inputOf('done')}`])
    })
  })
}

const filesBelow = async (root: string): Promise<string[]> => Object.keys(await snapshot(root))
