import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { hexOf } from '../../../workers/artifacts/digest.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import { inputOf, temporaryFolder } from './support.ts'

const HOUR = 3_600_000
const NOW = Date.now()
const age = (path: string, milliseconds: number) =>
  utimes(path, (NOW - milliseconds) / 1000, (NOW - milliseconds) / 1000)

async function storeWith(names: string[]) {
  const root = await temporaryFolder()
  const store = openFileStore(root)
  const references = new Map<string, Awaited<ReturnType<typeof store.publish>>>()
  for (const name of names) {
    const request = { kind: 'Model', inputDigest: inputOf(name), metadata: {} }
    const reference = await store.publish(request, (folder) => writeFile(join(folder, 'w'), name))
    await store.recordInput('ads', inputOf(name), reference.digest)
    references.set(name, reference)
    await age(fileURLToPath(reference.uri), 2 * HOUR)
  }
  const digestOfName = (name: string) => references.get(name)?.digest ?? ''
  return { root, store, digestOfName }
}

describe('garbage collection', () => {
  test('removes what is old and nobody refers to, and says so', async () => {
    const { store, digestOfName } = await storeWith(['kept', 'gone'])
    const collected = await store.collectGarbage({
      isReferenced: (digest) => digest === digestOfName('kept'),
      olderThan: HOUR,
      now: NOW,
    })
    expect(collected.artifacts).toEqual([digestOfName('gone')])
    expect(collected.bytes).toBeGreaterThan(4)
    expect(await store.stat(digestOfName('gone'))).toBeUndefined()
    expect(await store.findByInput('ads', inputOf('gone'))).toBeUndefined()
    expect((await store.findByInput('ads', inputOf('kept')))?.digest).toBe(digestOfName('kept'))
  })

  test('spares the young, and what has just been found for reuse', async () => {
    const { store, digestOfName } = await storeWith(['reused', 'idle'])
    await store.findByInput('ads', inputOf('reused'))
    const collected = await store.collectGarbage({ isReferenced: () => false, olderThan: HOUR, now: NOW })
    expect(collected.artifacts).toEqual([digestOfName('idle')])
    expect(await store.stat(digestOfName('reused'))).toBeDefined()
  })

  test('removes stale staging and quarantine folders only', async () => {
    const { root, store } = await storeWith([])
    for (const name of ['staging/stale', 'staging/busy', 'quarantine/old'])
      await mkdir(join(root, name), { recursive: true })
    await age(join(root, 'staging/stale'), 2 * HOUR)
    await age(join(root, 'quarantine/old'), 2 * HOUR)
    const collected = await store.collectGarbage({ isReferenced: () => false, olderThan: HOUR, now: NOW })
    expect(collected.folders).toEqual(['stale', 'old'])
    expect(await readdir(join(root, 'staging'))).toEqual(['busy'])
  })

  test('removes checkpoints of inputs that no run is working on', async () => {
    const { root, store } = await storeWith([])
    for (const name of ['running', 'orphan']) {
      await store.checkpoints('ads', inputOf(name)).write(1, 't', (folder) => writeFile(join(folder, 'w'), 'x'))
      await age(join(root, 'checkpoints', 'ads', hexOf(inputOf(name))), 2 * HOUR)
    }
    const collected = await store.collectGarbage({
      isReferenced: () => true,
      isActiveInput: (namespace, input) => namespace === 'ads' && input === inputOf('running'),
      olderThan: HOUR,
      now: NOW,
    })
    expect(collected.checkpoints).toEqual([`ads/${inputOf('orphan')}`])
    expect((await store.checkpoints('ads', inputOf('running')).latest())?.step).toBe(1)
  })

  test('without word of active runs, keeps checkpoints until their result is recorded', async () => {
    const { root, store } = await storeWith(['done'])
    for (const name of ['done', 'unfinished']) {
      await store.checkpoints('ads', inputOf(name)).write(1, 't', (folder) => writeFile(join(folder, 'w'), 'x'))
      await age(join(root, 'checkpoints', 'ads', hexOf(inputOf(name))), 2 * HOUR)
    }
    const collected = await store.collectGarbage({ isReferenced: () => true, olderThan: HOUR, now: NOW })
    expect(collected.checkpoints).toEqual([`ads/${inputOf('done')}`])
  })
})
