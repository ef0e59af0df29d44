import { expect, test } from 'vitest'
import { type AuctionRequest, unconstrained } from '../../../../workers/auction/auction.ts'
import { creativesByItem, type ListsToJudge } from '../../../../workers/decoding/auction/auction-graph.ts'
import { objectiveInputs } from '../../../../workers/decoding/auction/reward-judge.ts'
import { trainAllocation } from '../../../../workers/ranker/ega/allocation-stage.ts'
import { type StagePorts, stageStart } from '../../../../workers/ranker/stage-training.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import { roughParameters, smallCatalogue, smallShape } from './small-generator.ts'

const itemCount = 20
const { offsets, ...catalogue } = smallCatalogue(itemCount)
const shape = smallShape(itemCount, { layers: 1, listLength: 2 })
const parameters = roughParameters(shape)
const silent: StagePorts = {
  stepped: async () => undefined,
  settled: async () => undefined,
  epochEnded: () => undefined,
}

/** Of the two lists of both ads, whatever their probabilities: that with the higher bid first. */
const blind = ({ graph, bid }: ListsToJudge) => {
  graph.input(objectiveInputs.conversion, 'float32', [1])
  graph.input(objectiveInputs.organic, 'float32', [1])
  const seen = graph.constant('float32', [1, 1, 2], [0.5, 0.25])
  const pCtr = op.add(op.mul(bid, 0), seen)
  const reward = op.reduceSum(op.mul(bid, seen), [2])
  return { pCtr, reward, chosen: op.cast(op.argMax(reward, 1), 'int32') }
}

const request: AuctionRequest = {
  history: Uint32Array.of(3, 9, 11),
  ads: Uint32Array.of(1, 5),
  bids: Float64Array.of(2, 1),
  advertisers: Uint32Array.of(0, 1),
  organic: new Uint32Array(0),
  slots: 2,
  constraints: unconstrained,
}

const tuned = async (changes: Partial<AuctionRequest>) => {
  const options = {
    ...{ learningRate: 0.01, weightDecay: 0, clipNorm: 1, batchSize: 1, epochs: 1, seed: 1 },
    ...{ trained: 'Head' as const, klWeight: 0, baseline: 'None' as const, withoutAd: 'Lists' as const },
    settings: {
      bidding: { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' } as const,
      objective: { conversion: 0, organic: 0 },
    },
    decoder: { threads: 1, candidateLists: 8, maxBatch: 8, bidUnit: 1 },
  }
  const parts = { shape, catalogue, creativesByItem: creativesByItem(offsets) }
  const data = { parts, judge: blind, requests: [{ ...request, ...changes }] }
  return trainAllocation(options, data, stageStart(parameters), parameters, silent)
}

test('the allocation stage reads the creatives of histories', async () => {
  const unknown = await tuned({})
  expect(unknown.parameters).not.toEqual(parameters)
  const told = await tuned({ historyCreatives: Int32Array.of(-1, offsets[9], offsets[11]) })
  expect(told.history[0].reward).toBe(unknown.history[0].reward)
  expect(told.parameters).not.toEqual(unknown.parameters)
  expect((await tuned({ historyCreatives: Int32Array.of(-1, -1, -1) })).parameters).toEqual(unknown.parameters)
})
