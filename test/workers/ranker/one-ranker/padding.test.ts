import { expect, test } from 'vitest'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, wholeModel } from './whole-graph.ts'

const itemCount = 20
const catalogue = smallCatalogue(itemCount)
const histories = [
  { items: Uint32Array.of(4, 11, 2), isAd: [1, 0, 1], times: [1e12, 1.0001e12, 1.0005e12], time: 1.001e12 },
  { items: new Uint32Array(0), time: 1e12 },
]
const candidates = [
  [3, 7, 12],
  [1, 2, 19],
]

// More padding than fits in the block of positions of a history.
test.each(['Summed', 'Flattened'] as const)(
  'no amount of padding changes what follows from a %s history',
  async (historyTokens) => {
    const answers: Record<string, Float32Array>[] = []
    for (const historyLength of [3, 5, 140]) {
      const shape = smallOneRanker(itemCount, { historyLength, historyTokens })
      const model = await wholeModel(shape, catalogue)
      answers.push(await model.run(roughOneRanker(shape), { histories, candidates }))
      await model.release()
    }
    for (const name of ['last', 'tokens', 'users', 'valueScores', 'f']) {
      expect(apart(answers[1][name], answers[0][name]), name).toBeLessThan(1e-5)
      expect(apart(answers[2][name], answers[0][name]), name).toBeLessThan(1e-5)
    }
  },
)
