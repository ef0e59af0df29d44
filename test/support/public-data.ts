import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestContext } from 'vitest'

/** Folder of a public data set, whether it is there or not. */
export const publicDataFolder = (name: string): string =>
  join(process.env.ADLOOM_DATA ?? resolve(import.meta.dirname, '../../../shared/data'), name)

/** The same; where it is not there the test is skipped, and says why. */
export function publicData(name: string, context: Pick<TestContext, 'skip'>): string {
  const folder = publicDataFolder(name)
  if (!existsSync(folder)) context.skip(`no data in ${folder}; set ADLOOM_DATA to the folder that holds ${name}`)
  return folder
}
