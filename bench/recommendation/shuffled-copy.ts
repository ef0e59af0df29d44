import { createReadStream } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import { Random } from '../../workers/tensor/random.ts'

/** Column of the catalogue whose order the interactions inside ties have, in files of reviews by day. */
const orderColumn = 'asin'

async function* linesOf(file: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }))
    if (line.trim() !== '') yield line
}

/**
 * Copies sequence lines and their catalogue with every maximal run of items of a user that ascends by the order column
 * shuffled, whichever part of the split its items belong to. Whether a model lives on the order inside ties shows in
 * what it loses on this copy.
 * @returns false, and copies nothing, when the catalogue has no such column
 */
export async function copyShuffled(spec: Dataset['spec'], folder: string, seed: number): Promise<boolean> {
  const { interactions, items } = spec
  const source = spec.source.file?.path
  if (source === undefined || interactions?.format !== 'SequenceLines' || items?.format !== 'JSONLines') return false
  const keys = new Map<string, string>()
  for await (const line of linesOf(join(source, items.path))) {
    const item = JSON.parse(line) as Record<string, unknown>
    const key = item[orderColumn]
    if (typeof key !== 'string') return false
    keys.set(String(item[items.columns.id]), key)
  }
  const random = new Random(seed, 'ties')
  const shuffled: string[] = []
  for await (const line of linesOf(join(source, interactions.path))) {
    const [user, ...sequence] = line.trim().split(/\s+/)
    shuffled.push(`${user} ${shuffleRuns(sequence, keys, random).join(' ')}\n`)
  }
  for (const path of [interactions.path, items.path]) await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, interactions.path), shuffled.join(''))
  await copyFile(join(source, items.path), join(folder, items.path))
  return true
}

function shuffleRuns(sequence: readonly string[], keys: ReadonlyMap<string, string>, random: Random): string[] {
  const keyOf = (item: string): string => keys.get(item) ?? ''
  const runs: string[][] = []
  for (const item of sequence) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    if (run === undefined || last === undefined || keyOf(item) < keyOf(last)) runs.push([item])
    else run.push(item)
  }
  return runs.flatMap((run) => random.shuffle(run))
}
