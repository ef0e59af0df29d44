import { describe, expect, test } from 'vitest'
import { type AuctionRequest, unconstrained } from '../../../../workers/auction/auction.ts'
import { AuctionDecoder } from '../../../../workers/decoding/auction/auction-decoder.ts'
import { creativesByItem, type ListsToJudge } from '../../../../workers/decoding/auction/auction-graph.ts'
import { ListProbability } from '../../../../workers/decoding/auction/list-probability.ts'
import { objectiveInputs } from '../../../../workers/decoding/auction/reward-judge.ts'
import { generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { roughParameters, smallCatalogue, smallShape } from '../../ranker/ega/small-generator.ts'

const catalogue = smallCatalogue(40)
const bidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' } as const
const request: AuctionRequest = {
  history: Uint32Array.of(3, 9, 11),
  ads: Uint32Array.of(1, 5, 7),
  bids: Float64Array.of(1, 2.5, 0.4),
  advertisers: Uint32Array.of(0, 1, 0),
  organic: Uint32Array.of(20, 21, 22),
  slots: 3,
  constraints: unconstrained,
}

/** The likeliest list is the best; probabilities of clicks are of no matter here. */
const likeliest = ({ graph, logZ, score }: ListsToJudge) => {
  graph.input(objectiveInputs.conversion, 'float32', [1])
  graph.input(objectiveInputs.organic, 'float32', [1])
  return { pCtr: op.sigmoid(logZ), reward: score, chosen: op.cast(op.argMax(score, 1), 'int32') }
}

describe.each([
  ['creatives by MTP', { creativePrediction: 'MTP' }],
  ['creatives by NextToken', { creativePrediction: 'NextToken' }],
  ['two token embeddings', { creativePrediction: 'NextToken', tokenEmbedding: 'Separate' }],
] as const)('the probability of a list with %s', (_name, changes) => {
  test('under the bids that it was found with is what the search said, and grows with the bid of an ad', async () => {
    const shape = smallShape(40, changes)
    const parameters = roughParameters(shape)
    const parts = { shape, catalogue, creativesByItem: creativesByItem(catalogue.offsets) }
    const settings = { bidding, objective: { conversion: 0, organic: 0 } }
    const sizes = { threads: 1, candidateLists: 16, bidUnit: 1 }
    const decoder = new AuctionDecoder(
      parts,
      { parameters: (graph) => constantParameters(graph, parameters, generatorLayout(shape)), judge: likeliest },
      settings,
      { ...sizes, maxBatch: 8 },
    )
    const probability = new ListProbability(parts, parameters, { ...sizes, bidding })
    const [allocation] = await decoder.allocate([request])
    const { lists, chosen } = allocation
    const ad = lists.candidate.subarray(chosen * 3, chosen * 3 + 3).find((candidate) => candidate < 3) ?? 0
    const [same, more] = await probability.underBids(request, allocation, [request.bids, request.bids.with(ad, 9)])
    const slot = lists.candidate.subarray(chosen * 3, chosen * 3 + 3).indexOf(ad)
    for (let at = 0; at < 3; at++) expect(same[at]).toBeCloseTo(lists.logZ[chosen * 3 + at], 4)
    expect(more[slot]).toBeGreaterThan(same[slot])
    const clicked = { ...request, historyCreatives: Int32Array.of(-1, catalogue.offsets[9], catalogue.offsets[11]) }
    const [found] = await decoder.allocate([clicked])
    const [told] = await probability.underBids(clicked, found, [clicked.bids])
    for (let at = 0; at < 3; at++) expect(told[at]).toBeCloseTo(found.lists.logZ[found.chosen * 3 + at], 4)
    const [others] = await probability.underBids(clicked, allocation, [request.bids])
    expect(Math.max(...others.map((logZ, at) => Math.abs(logZ - same[at])))).toBeGreaterThan(1e-3)
    const unknown = { ...request, historyCreatives: Int32Array.of(-1, -1, -1) }
    expect((await decoder.allocate([unknown]))[0]).toEqual(allocation)
    await decoder.release()
    await probability.release()
  })
})
