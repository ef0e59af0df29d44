import type { TrainingSequences } from '../data/co-occurrence.ts'
import { trainingCounts } from '../data/co-occurrence.ts'
import type { Recommender } from './recommender.ts'
import type { CandidateScorer } from './sampled/candidate-scorer.ts'
import { TopItems } from './top-items.ts'

/** Items by their count in the training parts, most popular first; items without any at the end. */
export function popularityOrder(sequences: TrainingSequences, seed: number): Uint32Array {
  const top = new TopItems(sequences.itemCount, seed)
  trainingCounts(sequences).forEach((count, item) => {
    top.offer(item, count)
  })
  return top.ranked()
}

/** The first `count` items of an order that are not among the masked ones. */
export function firstUnmasked(order: Uint32Array, masked: ReadonlySet<number>, count: number): number[] {
  const list: number[] = []
  for (const item of order) {
    if (list.length >= count) break
    if (!masked.has(item)) list.push(item)
  }
  return list
}

/** PopRec: the same list for everyone, less what they had. */
export function popularity(sequences: TrainingSequences, seed: number): Recommender & CandidateScorer {
  const order = popularityOrder(sequences, seed)
  const counts = trainingCounts(sequences)
  return {
    name: 'PopRec',
    recommend: async (histories, count) =>
      histories.map((history) => Uint32Array.from(firstUnmasked(order, new Set(history), count))),
    score: async (lists) =>
      lists.map(({ candidates }) => ({ final: Float32Array.from(candidates, (item) => counts[item]) })),
  }
}
