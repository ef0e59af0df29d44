// Entries that nobody uses get no gradient and would stay unused: they are put where points are.

import type { Random } from '../tensor/random.ts'
import { type Codebooks, codebookOf } from './residual-quantizer.ts'

/** Entries that no point uses, by level; codes [points, levels]. */
export function deadCodes(codes: Uint16Array, sizes: readonly number[]): number[][] {
  return sizes.map((size, level) => {
    const used = new Uint8Array(size)
    for (let index = level; index < codes.length; index += sizes.length) used[codes[index]] = 1
    return [...used.keys()].filter((code) => used[code] === 0)
  })
}

/**
 * Puts every dead entry on what is left of a randomly chosen point before its level, in place (SoundStream, arXiv
 * 2107.03312, section III-C). Points are not chosen twice in a level while there are others.
 * @param points [points, dimensions]
 * @param codes [points, levels]
 * @returns the entries moved, by level
 */
export function moveDeadCodes(
  codebooks: Codebooks,
  points: Float32Array,
  codes: Uint16Array,
  random: Random,
): number[][] {
  const { dimensions, sizes } = codebooks
  const dead = deadCodes(codes, sizes)
  const count = points.length / dimensions
  // Of the entries as they were: those moved stand for residuals of the same codes.
  const before = { ...codebooks, data: codebooks.data.slice() }
  dead.forEach((entries, level) => {
    const chosen = random.permutation(count)
    const target = codebookOf(codebooks, level)
    entries.forEach((entry, index) => {
      const point = chosen[index % count]
      target.set(residualOf(point, level, points, codes, before), entry * dimensions)
    })
  })
  return dead
}

function residualOf(
  point: number,
  levels: number,
  points: Float32Array,
  codes: Uint16Array,
  codebooks: Codebooks,
): Float32Array {
  const { dimensions, sizes } = codebooks
  const residual = points.slice(point * dimensions, (point + 1) * dimensions)
  for (let level = 0; level < levels; level++) {
    const start = codes[point * sizes.length + level] * dimensions
    const entries = codebookOf(codebooks, level)
    for (let index = 0; index < dimensions; index++) residual[index] -= entries[start + index]
  }
  return residual
}
