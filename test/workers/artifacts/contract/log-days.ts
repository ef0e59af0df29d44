import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, type TestContext, test } from 'vitest'
import { openLogStore } from '../../../../workers/artifacts/log-store.ts'
import { temporaryFolder } from '../support.ts'

/** @param newPlace a store of logs that is empty, and the folder in which its server keeps it */
export function logDaysContract(newPlace: (context: TestContext) => Promise<{ location: string; root: string }>): void {
  test('days of logs before one go; other days, folders and names stay', async (context) => {
    const { location, root } = await newPlace(context)
    const store = openLogStore(location)
    const file = join(await temporaryFolder(), 'finished.jsonl')
    await writeFile(file, '{}\n')
    const kept = ['clicks/2026-11-28/c', 'clicks/2026/d', 'orders/2026-11-26/e']
    for (const name of ['clicks/2026-11-26/a', 'clicks/2026-11-27/b', ...kept])
      await store.publish(`feedback/${name}`, file)
    expect(await store.removeDays('feedback/clicks', '2026-11-28')).toEqual(['2026-11-26', '2026-11-27'])
    expect(await store.removeDays('feedback/clicks', '2026-11-28')).toEqual([])
    expect(await store.removeDays('feedback/nothing', '2026-11-28')).toEqual([])
    const left = await readdir(join(root, 'feedback'), { recursive: true })
    expect(left.filter((name) => /[/][a-e]$/.test(name)).sort()).toEqual(kept)
  })
}
