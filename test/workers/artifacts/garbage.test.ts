import { mkdir, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import { temporaryFolder } from './support.ts'

const HOUR = 3_600_000

test('garbage collection in a folder removes stale staging and quarantine folders only', async () => {
  const root = await temporaryFolder()
  const then = (Date.now() - 2 * HOUR) / 1000
  for (const name of ['staging/stale', 'staging/busy', 'quarantine/old'])
    await mkdir(join(root, name), { recursive: true })
  await utimes(join(root, 'staging/stale'), then, then)
  await utimes(join(root, 'quarantine/old'), then, then)
  const collected = await openFileStore(root).collectGarbage({
    isReferenced: () => false,
    olderThan: HOUR,
    now: Date.now(),
  })
  expect(collected.folders).toEqual(['stale', 'old'])
  expect(await readdir(join(root, 'staging'))).toEqual(['busy'])
})
