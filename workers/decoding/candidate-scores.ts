import type { CandidateList, CandidateScores } from '../evaluation/sampled/candidate-scorer.ts'
import type { BeamDecoder } from './decoder.ts'

/**
 * Log-probability of each candidate under a decoder of codes: with nothing else eligible, a beam as wide as the list
 * comes to all of them, and eligibility does not change what the probabilities are shared among.
 */
export async function scoreByDecoder(
  decoder: Pick<BeamDecoder, 'decode'>,
  lists: readonly CandidateList[],
): Promise<CandidateScores[]> {
  const decoded = await decoder.decode(
    lists.map(({ history, candidates }) => ({ history, candidates, count: candidates.length })),
  )
  return lists.map(({ candidates }, index) => {
    const { items, scores } = decoded[index]
    const scoreOf = new Map(Array.from(items, (item, place) => [item, scores[place]]))
    return { final: Float32Array.from(candidates, (item) => scoreOf.get(item) ?? Number.NEGATIVE_INFINITY) }
  })
}
