// What an evaluation of sampled lists publishes: the lists and every score, so that any two evaluations of the same lists
// can be compared in pairs later.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CandidateScores } from './candidate-scorer.ts'
import type { ScoredSystem } from './report.ts'
import type { JudgedList } from './sampled-group.ts'

export interface SampledRows {
  readonly lists: readonly JudgedList[]
  /** By list and candidate, in the unit of money; absent where nothing is graded. */
  readonly ecpm?: readonly Float64Array[] | undefined
  readonly systems: readonly ScoredSystem[]
}

/**
 * `sampled.json`: names of the systems. Little endian, lists one after another: `sampled.lengths.u32` [lists],
 * `sampled.clusters.u32` [lists], what the bootstrap draws together, `sampled.targets.u32` [lists], place of the target;
 * `sampled.items.u32` and `sampled.ecpm.f64` [candidates of all lists]; `sampled.SYSTEM.final.f32`, and of a model with
 * two steps `sampled.SYSTEM.generator.f32`, likewise, where SYSTEM counts the systems from 0.
 */
export async function writeSampled(directory: string, { lists, ecpm, systems }: SampledRows): Promise<void> {
  const write = (name: string, ...parts: readonly ArrayBufferView[]): Promise<void> =>
    writeFile(join(directory, `sampled.${name}`), Buffer.concat(parts.map(bytesOf)))
  await writeFile(
    join(directory, 'sampled.json'),
    `${JSON.stringify({ schemaVersion: 1, systems: systems.map(({ name }) => name) })}\n`,
  )
  await write(
    'lengths.u32',
    Uint32Array.from(lists, ({ candidates }) => candidates.length),
  )
  await write(
    'clusters.u32',
    Uint32Array.from(lists, ({ cluster }) => cluster),
  )
  await write(
    'targets.u32',
    Uint32Array.from(lists, ({ target }) => target),
  )
  await write('items.u32', ...lists.map(({ candidates }) => candidates))
  if (ecpm !== undefined) await write('ecpm.f64', ...ecpm)
  for (const [place, { scores }] of systems.entries()) {
    await write(`${place}.final.f32`, ...scores.map(({ final }) => final))
    const before = scores.flatMap(({ generator }: CandidateScores) => generator ?? [])
    if (before.length > 0) await write(`${place}.generator.f32`, ...before)
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** An artifact with the files of `writeSampled`. */
export interface SampledFiles {
  readonly manifest: { readonly files: readonly { readonly path: string }[] }
  path(file: string): string
}

/** What `writeSampled` wrote. */
export async function readSampled(files: SampledFiles): Promise<SampledRows> {
  const bytes = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await readFile(files.path(`sampled.${name}`)))
  const has = (name: string): boolean => files.manifest.files.some(({ path }) => path === `sampled.${name}`)
  const whole = async (name: string) => new Uint32Array((await bytes(name)).buffer)
  const [lengths, clusters, targets, items] = await Promise.all(
    ['lengths.u32', 'clusters.u32', 'targets.u32', 'items.u32'].map(whole),
  )
  /** By list. */
  const cut = <Values extends { subarray(start: number, end: number): Values }>(values: Values): Values[] => {
    let start = 0
    return Array.from(lengths, (length) => {
      start += length
      return values.subarray(start - length, start)
    })
  }
  const scoresOf = async (name: string) => cut(new Float32Array((await bytes(name)).buffer))
  const { systems } = JSON.parse(await readFile(files.path('sampled.json'), 'utf8')) as { readonly systems: string[] }
  const candidates = cut(items)
  return {
    lists: candidates.map((each, list) => ({ candidates: each, cluster: clusters[list], target: targets[list] })),
    ...(has('ecpm.f64') && { ecpm: cut(new Float64Array((await bytes('ecpm.f64')).buffer)) }),
    systems: await Promise.all(
      systems.map(async (name, place) => {
        const final = await scoresOf(`${place}.final.f32`)
        const generator = has(`${place}.generator.f32`) ? await scoresOf(`${place}.generator.f32`) : undefined
        const scores = final.map((of, list) => ({ final: of, ...(generator && { generator: generator[list] }) }))
        return { name, scores }
      }),
    ),
  }
}
