import { afterEach, describe, expect, test } from 'vitest'
import { scoreByDecoder } from '../../../workers/decoding/candidate-scores.ts'
import { BeamDecoder } from '../../../workers/decoding/decoder.ts'
import type { Catalogue } from '../../../workers/ranker/catalogue.ts'
import { randomCatalogue, randomParameters, smallShape } from '../ranker/support.ts'
import { plainSearch } from './plain-search.ts'

const opened: BeamDecoder[] = []
afterEach(async () => {
  for (const decoder of opened.splice(0)) await decoder.release()
})

async function modelOf(catalogue: Catalogue) {
  const shape = smallShape(catalogue)
  const parameters = randomParameters(shape, 1)
  const decoder = await BeamDecoder.create(shape, catalogue, parameters, { threads: 1, maxBatch: 4, beamSize: 3 })
  opened.push(decoder)
  return { decoder, shape, catalogue, parameters }
}

describe('scores of given candidates', () => {
  test('are log-probabilities over the whole catalogue, as a plain search has them', async () => {
    const model = await modelOf(randomCatalogue(3, { items: 40, levels: 3, entries: 5 }))
    const history = Uint32Array.of(4, 5, 6)
    const expected = new Map(
      (await plainSearch(model, { history, count: 40 }, 40)).map(({ item, score }) => [item, score]),
    )
    // Items of the history may be asked for; a list may be longer than the usual beam.
    const candidates = Uint32Array.of(39, 0, 4, 17, 23)
    const [{ final, generator }] = await scoreByDecoder(model.decoder, [{ history, candidates }])
    expect(generator).toBeUndefined()
    candidates.forEach((item, place) => {
      expect(final[place]).toBeCloseTo(expected.get(item) ?? Number.NaN, 4)
    })
  })

  test('do not depend on other candidates, on their order, nor on other lists', async () => {
    const { decoder } = await modelOf(randomCatalogue(5, { items: 40, levels: 2, entries: 8 }))
    const histories = [[], [7], [1, 2, 3], [9, 8, 7, 6], [11], [3]].map((items) => Uint32Array.from(items))
    const candidates = Uint32Array.of(5, 30, 12, 8)
    const lists = histories.map((history) => ({ history, candidates }))
    const together = await scoreByDecoder(decoder, lists)
    for (const [index, history] of histories.entries()) {
      const moved = Uint32Array.of(12, 33, 5)
      const [alone] = await scoreByDecoder(decoder, [{ history, candidates: moved }])
      expect(alone.final[0]).toBeCloseTo(together[index].final[2], 4)
      expect(alone.final[2]).toBeCloseTo(together[index].final[0], 4)
    }
    expect(await scoreByDecoder(decoder, [{ history: histories[0], candidates: new Uint32Array() }])).toEqual([
      { final: new Float32Array() },
    ])
  })
})
