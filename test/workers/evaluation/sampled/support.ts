import fc from 'fast-check'
import type { CandidateScores } from '../../../../workers/evaluation/sampled/candidate-scorer.ts'
import type { SampledList } from '../../../../workers/evaluation/sampled/lists.ts'
import { Random } from '../../../../workers/tensor/random.ts'

/** A list of the items 10, 11, ..; the target is the first. */
export const listOf = (size: number, more: Partial<SampledList> = {}): SampledList => ({
  user: 0,
  cluster: 0,
  history: new Uint32Array(),
  candidates: Uint32Array.from({ length: size }, (_, place) => 10 + place),
  target: 0,
  ...more,
})

/** Scores that tell nothing of the target. */
export const randomScores = (lists: readonly SampledList[], seed: number): CandidateScores[] =>
  lists.map(({ candidates }, index) => {
    const random = new Random(seed, index)
    const draw = () => Float32Array.from(candidates, () => random.uniform())
    return { final: draw(), generator: draw() }
  })

/** The same list with its candidates elsewhere, and what has a number by candidate likewise. */
export const permuted = <T extends Float32Array | Float64Array | Uint32Array>(values: T, order: readonly number[]): T =>
  values.map((_, place) => values[order[place]] as number) as T

export const sizes = fc.integer({ min: 2, max: 12 })
