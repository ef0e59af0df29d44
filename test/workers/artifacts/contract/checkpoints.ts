import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../../../workers/artifacts/digest.ts'
import { inputOf } from '../support.ts'
import type { NewPlace } from './place.ts'

const INPUT = inputOf('run')
const weights = (text: string) => (folder: string) => writeFile(join(folder, 'weights.f32'), text)
const homeIn = (root: string) => join(root, 'checkpoints', 'ads', hexOf(INPUT))

/** What holds for checkpoints in every store. */
export function checkpointContract(newPlace: NewPlace): void {
  describe('checkpoints', () => {
    test('the newest of those written comes back, at most two are kept', async (context) => {
      const { skip } = context
      const steps = fc.uniqueArray(fc.nat(1_000_000), { minLength: 1, maxLength: 6 })
      await fc.assert(
        fc.asyncProperty(steps, async (written) => {
          const { store, elsewhere, root } = await newPlace({ skip })
          const checkpoints = store.checkpoints('ads', INPUT)
          const ascending = written.toSorted((a, b) => a - b)
          for (const step of ascending) await checkpoints.write(step, 'token', weights(`at ${step}`))
          const latest = await (await elsewhere()).checkpoints('ads', INPUT).latest()
          expect(latest?.step).toBe(ascending.at(-1))
          expect((await latest?.readFile('weights.f32'))?.toString()).toBe(`at ${ascending.at(-1)}`)
          expect(await readdir(homeIn(root))).toHaveLength(Math.min(2, written.length))
        }),
        { numRuns: 15 },
      )
    })

    test('a damaged newest one gives way to the one before, and can be written again', async (context) => {
      const { store, root } = await newPlace(context)
      const checkpoints = store.checkpoints('ads', INPUT)
      await checkpoints.write(10, 'a', weights('ten'))
      await checkpoints.write(20, 'a', weights('twenty'))
      const newest = (await readdir(homeIn(root))).sort().at(-1) ?? ''
      await writeFile(join(homeIn(root), newest, 'weights.f32'), 'twentY')
      expect((await checkpoints.latest())?.step).toBe(10)
      await checkpoints.write(20, 'b', weights('twenty'))
      expect(await checkpoints.latest()).toMatchObject({ step: 20, token: 'b' })
    })

    test('a torn manifest does not pass for a complete one', async (context) => {
      const { store, root } = await newPlace(context)
      const checkpoints = store.checkpoints('ads', INPUT)
      await checkpoints.write(1, 'a', weights('one'))
      const manifest = join(homeIn(root), (await readdir(homeIn(root)))[0], 'manifest.json')
      await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"step":1', '"step":9'))
      expect(await checkpoints.latest()).toBeUndefined()
    })

    test('an error while one is written leaves the earlier one', async (context) => {
      const { store } = await newPlace(context)
      const checkpoints = store.checkpoints('ads', INPUT)
      await checkpoints.write(1, 'a', weights('one'))
      const failing = checkpoints.write(2, 'a', () => Promise.reject(new Error('stopped')))
      await expect(failing).rejects.toThrow('stopped')
      expect((await checkpoints.latest())?.step).toBe(1)
    })

    test('a writer who is refused when all is written leaves nothing that counts', async (context) => {
      const { store } = await newPlace(context)
      const checkpoints = store.checkpoints('ads', INPUT)
      const seen: (number | undefined)[] = []
      const refuse = async () => {
        seen.push((await checkpoints.latest())?.step)
        throw new Error('superseded')
      }
      await expect(checkpoints.write(1, 'a', weights('one'), refuse)).rejects.toThrow('superseded')
      expect(seen).toEqual([undefined])
      expect(await checkpoints.latest()).toBeUndefined()
    })

    test('none at first, none after removal, apart per namespace and input', async (context) => {
      const { store } = await newPlace(context)
      const checkpoints = store.checkpoints('ads', INPUT)
      expect(await checkpoints.latest()).toBeUndefined()
      await checkpoints.write(3, 'a', weights('x'))
      expect(await store.checkpoints('ads', inputOf('other')).latest()).toBeUndefined()
      expect(await store.checkpoints('other', INPUT).latest()).toBeUndefined()
      await checkpoints.remove()
      expect(await checkpoints.latest()).toBeUndefined()
    })
  })
}
