import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../../workers/artifacts/digest.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import { failingFilesystem, inputOf, temporaryFolder } from './support.ts'

const INPUT = inputOf('run')
const weights = (text: string) => (folder: string) => writeFile(join(folder, 'weights.f32'), text)

describe('checkpoints', () => {
  test('the newest of those written comes back, at most two are kept', async () => {
    const steps = fc.uniqueArray(fc.nat(1_000_000), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(steps, async (written) => {
        const root = await temporaryFolder()
        const checkpoints = openFileStore(root).checkpoints('ads', INPUT)
        const ascending = written.toSorted((a, b) => a - b)
        for (const step of ascending) await checkpoints.write(step, 'token', weights(`at ${step}`))
        const latest = await checkpoints.latest()
        expect(latest?.step).toBe(ascending.at(-1))
        expect((await latest?.readFile('weights.f32'))?.toString()).toBe(`at ${ascending.at(-1)}`)
        expect(await readdir(join(root, 'checkpoints', 'ads', hexOf(INPUT)))).toHaveLength(Math.min(2, written.length))
      }),
      { numRuns: 15 },
    )
  })

  test('a damaged newest one gives way to the one before, and can be written again', async () => {
    const root = await temporaryFolder()
    const checkpoints = openFileStore(root).checkpoints('ads', INPUT)
    await checkpoints.write(10, 'a', weights('ten'))
    await checkpoints.write(20, 'a', weights('twenty'))
    const home = join(root, 'checkpoints', 'ads', hexOf(INPUT))
    const newest = (await readdir(home)).sort().at(-1) ?? ''
    await writeFile(join(home, newest, 'weights.f32'), 'twentY')
    expect((await checkpoints.latest())?.step).toBe(10)
    await checkpoints.write(20, 'b', weights('twenty'))
    expect(await checkpoints.latest()).toMatchObject({ step: 20, token: 'b' })
  })

  test('a torn manifest does not pass for a complete one', async () => {
    const root = await temporaryFolder()
    const checkpoints = openFileStore(root).checkpoints('ads', INPUT)
    await checkpoints.write(1, 'a', weights('one'))
    const home = join(root, 'checkpoints', 'ads', hexOf(INPUT))
    const manifest = join(home, (await readdir(home))[0], 'manifest.json')
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"step":1', '"step":9'))
    expect(await checkpoints.latest()).toBeUndefined()
  })

  test('a full disk while writing leaves the earlier one', async () => {
    const root = await temporaryFolder()
    await openFileStore(root).checkpoints('ads', INPUT).write(1, 'a', weights('one'))
    const full = openFileStore(root, { filesystem: failingFilesystem('open', 1) }).checkpoints('ads', INPUT)
    await expect(full.write(2, 'a', weights('two'))).rejects.toThrow('No space left')
    expect((await openFileStore(root).checkpoints('ads', INPUT).latest())?.step).toBe(1)
  })

  test('none at first, none after removal, apart per namespace and input', async () => {
    const store = openFileStore(await temporaryFolder())
    const checkpoints = store.checkpoints('ads', INPUT)
    expect(await checkpoints.latest()).toBeUndefined()
    await checkpoints.write(3, 'a', weights('x'))
    expect(await store.checkpoints('ads', inputOf('other')).latest()).toBeUndefined()
    expect(await store.checkpoints('other', INPUT).latest()).toBeUndefined()
    await checkpoints.remove()
    expect(await checkpoints.latest()).toBeUndefined()
  })
})
