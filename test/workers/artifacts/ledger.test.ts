import { appendFile, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import { temporaryFolder } from './support.ts'

describe('ledger in a file', () => {
  test('torn anywhere in its last line, it loses that entry alone and takes new ones', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), async (lost) => {
        const root = await temporaryFolder()
        const { ledger } = openFileStore(root)
        await ledger.append('ads', { entry: 1 })
        await ledger.append('ads', { entry: 2 })
        const path = join(root, 'ledger', 'ads.jsonl')
        const { length } = await readFile(path)
        await truncate(path, length - lost)
        await ledger.append('ads', { entry: 3 })
        const survivors = lost === 1 ? [1, 2, 3] : [1, 3]
        expect((await ledger.read('ads')).map((entry) => entry.entry)).toEqual(survivors)
      }),
      { numRuns: 12 },
    )
  })

  test('passes over lines that are no objects', async () => {
    const root = await temporaryFolder()
    const { ledger } = openFileStore(root)
    await ledger.append('ads', { entry: 1 })
    await appendFile(join(root, 'ledger', 'ads.jsonl'), '[1]\nnull\n{"entry":')
    expect(await ledger.read('ads')).toEqual([{ entry: 1 }])
  })
})
