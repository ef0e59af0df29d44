import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, hexOf } from '../../workers/artifacts/digest.ts'

export interface KeptResults {
  /** The kept result of the row, else what `measure` returns, which is kept. */
  measured<T>(row: string, settings: unknown, measure: () => Promise<T>): Promise<T>
}

/**
 * Results of a benchmark, a file each in `directory`, so that one that is interrupted goes on where it was. A result
 * belongs to its row, its settings and `version`, the version of the sources: any difference measures anew.
 */
export function keepResults(directory: string, version: string, report: (line: string) => void): KeptResults {
  return {
    async measured<T>(row: string, settings: unknown, measure: () => Promise<T>): Promise<T> {
      const file = join(directory, `${hexOf(digestOf({ row, settings, version }))}.json`)
      const kept = await readFile(file, 'utf8').catch(() => undefined)
      if (kept !== undefined) {
        report(`${row}: measured before`)
        return (JSON.parse(kept) as { result: T }).result
      }
      const result = await measure()
      await mkdir(directory, { recursive: true })
      // Renamed into place: a half-written result must not be taken for one.
      const fresh = `${file}.${process.pid}`
      await writeFile(fresh, JSON.stringify({ row, settings, version, result }, null, 2))
      await rename(fresh, file)
      return result
    },
  }
}
