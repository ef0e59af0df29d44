// What an evaluation of sampled lists publishes: the lists and every score, so that any two evaluations of the same lists
// can be compared in pairs later.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CandidateScores } from './candidate-scorer.ts'
import type { SampledList } from './lists.ts'
import type { ScoredSystem } from './report.ts'

export interface SampledRows {
  readonly lists: readonly SampledList[]
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
