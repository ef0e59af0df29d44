import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { BeamDecoder, type DecodeRequest } from '../../../workers/decoding/decoder.ts'
import type { Catalogue } from '../../../workers/ranker/catalogue.ts'
import { randomCatalogue, randomParameters, smallShape } from '../ranker/support.ts'
import { plainSearch } from './plain-search.ts'

const opened: BeamDecoder[] = []
afterEach(async () => {
  for (const decoder of opened.splice(0)) await decoder.release()
})

const decoderOf = async (catalogue: Catalogue, options: { beamSize: number; seed?: number; maxBatch?: number }) => {
  const shape = smallShape(catalogue)
  const parameters = randomParameters(shape, options.seed ?? 1)
  const decoder = await BeamDecoder.create(shape, catalogue, parameters, { threads: 1, maxBatch: 64, ...options })
  opened.push(decoder)
  return { decoder, shape, parameters }
}

const range = (count: number) => Uint32Array.from({ length: count }, (_, index) => index)

describe('beam search in one graph', () => {
  it('finds the beams of a plain search, at every width', async () => {
    const catalogue = randomCatalogue(3, { items: 60, levels: 3, entries: 6 })
    for (const beamSize of [1, 2, 5, 16, 60]) {
      const { decoder, shape, parameters } = await decoderOf(catalogue, { beamSize })
      for (const history of [[], [7], [3, 1, 4], [9, 2, 6, 5, 3], [1, 2, 3, 4, 5, 6, 7, 8]]) {
        const request = { history: Uint32Array.from(history), count: beamSize, excluded: Uint32Array.from(history) }
        const [found] = await decoder.decode([request])
        const expected = await plainSearch({ shape, catalogue, parameters }, request, beamSize)
        expect([...found.items]).toEqual(expected.map(({ item }) => item))
        for (const [index, { score }] of expected.entries()) expect(found.scores[index]).toBeCloseTo(score, 4)
      }
    }
  })

  it('gives probabilities that sum to one over the catalogue', async () => {
    const catalogue = randomCatalogue(5, { items: 40, levels: 3, entries: 5 })
    const { decoder } = await decoderOf(catalogue, { beamSize: 40 })
    const [{ items, scores }] = await decoder.decode([{ history: Uint32Array.of(4, 5), count: 40 }])
    expect([...items].sort((a, b) => a - b)).toEqual([...range(40)])
    expect(scores.reduce((sum, score) => sum + Math.exp(score), 0)).toBeCloseTo(1, 4)
  })

  it('answers a request alike alone and among others', async () => {
    const catalogue = randomCatalogue(7, { items: 50, levels: 2, entries: 9 })
    const { decoder } = await decoderOf(catalogue, { beamSize: 8 })
    const requests = Array.from({ length: 32 }, (_, index): DecodeRequest => {
      const history = range(50).filter((item) => (item * 31 + index * 17) % 11 === 0)
      return { history, count: 8, excluded: history }
    })
    const together = await decoder.decode(requests)
    for (const [index, request] of requests.entries()) {
      const [alone] = await decoder.decode([request])
      expect([...together[index].items]).toEqual([...alone.items])
      for (const [place, score] of alone.scores.entries()) expect(together[index].scores[place]).toBeCloseTo(score, 4)
    }
  })

  it('splits what exceeds a batch and keeps the order', async () => {
    const catalogue = randomCatalogue(8, { items: 30, levels: 2, entries: 7 })
    const { decoder } = await decoderOf(catalogue, { beamSize: 4, maxBatch: 3 })
    const requests = [...range(8)].map((item) => ({ history: Uint32Array.of(item), count: 4 }))
    const lists = await decoder.decode(requests)
    for (const [index, request] of requests.entries())
      expect([...lists[index].items]).toEqual([...(await decoder.decode([request]))[0].items])
  })

  it('raises the beam for a longer list', async () => {
    const catalogue = randomCatalogue(9, { items: 70, levels: 3, entries: 6 })
    const { decoder } = await decoderOf(catalogue, { beamSize: 4 })
    const [list] = await decoder.decode([{ history: Uint32Array.of(1), count: 33 }])
    expect(new Set(list.items).size).toBe(33)
  })

  it('fills every list from what is eligible, without repeats, best first', async () => {
    const requests = fc.record({
      seed: fc.integer({ min: 1, max: 1000 }),
      items: fc.integer({ min: 1, max: 60 }),
      levels: fc.integer({ min: 1, max: 4 }),
      beamSize: fc.integer({ min: 1, max: 12 }),
      count: fc.integer({ min: 1, max: 20 }),
      history: fc.array(fc.nat(), { maxLength: 9 }),
      candidates: fc.option(fc.array(fc.nat(), { maxLength: 30 }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(requests, async ({ seed, items, levels, beamSize, count, history, candidates }) => {
        const entries = Math.max(2, Math.ceil(items ** (1 / levels)) + 1)
        const catalogue = randomCatalogue(seed, { items, levels, entries })
        const { decoder } = await decoderOf(catalogue, { beamSize, seed })
        const seen = Uint32Array.from(history, (item) => item % items)
        const allowed = candidates && Uint32Array.from(candidates, (item) => item % items)
        const eligible = new Set(allowed ?? range(items)).difference(new Set(seen))
        const [list] = await decoder.decode([
          { history: seen, count, excluded: seen, ...(allowed && { candidates: allowed }) },
        ])
        expect(list.items.length).toBe(Math.min(count, eligible.size))
        expect(new Set(list.items).size).toBe(list.items.length)
        for (const item of list.items) expect(eligible.has(item)).toBe(true)
        for (let place = 1; place < list.scores.length; place++)
          expect(list.scores[place]).toBeLessThanOrEqual(list.scores[place - 1])
      }),
      { numRuns: 25, seed: 20_261_124 },
    )
  })

  it('reads no item beyond the end of a history', async () => {
    const catalogue = randomCatalogue(11, { items: 30, levels: 2, entries: 7 })
    const { decoder } = await decoderOf(catalogue, { beamSize: 5 })
    const long = Uint32Array.of(20, 21, 1, 2, 3, 4, 5)
    const [whole] = await decoder.decode([{ history: long, count: 5 }])
    const [recent] = await decoder.decode([{ history: long.subarray(2), count: 5 }])
    expect([...whole.items]).toEqual([...recent.items])
  })
})
