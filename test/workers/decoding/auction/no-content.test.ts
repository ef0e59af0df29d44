import { expect, test } from 'vitest'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { auctionGraph, creativesByItem } from '../../../../workers/decoding/auction/auction-graph.ts'
import { searchTensors } from '../../../../workers/decoding/auction/bid-tensors.ts'
import { candidateTensors, capacityFor, prepareRequest } from '../../../../workers/decoding/auction/request-tensors.ts'
import { openCatalogue } from '../../../../workers/ranker/catalogue.ts'
import { generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { Session } from '../../../../workers/tensor/session.ts'
import { roughParameters, smallCatalogue, smallShape } from '../../ranker/ega/small-generator.ts'

test('lists are found by codes alone where there is no content, and without creatives where there are none', async () => {
  const catalogue = openCatalogue(smallCatalogue(12).items, { dimensions: 0, directions: new Float32Array(0) })
  const shape = smallShape(12, { contentDimensions: 0, layers: 1, creatives: undefined })
  const request = {
    history: Uint32Array.of(3),
    ads: Uint32Array.of(1, 2),
    bids: Float64Array.of(1, 2),
    advertisers: Uint32Array.of(0, 1),
    organic: Uint32Array.of(5, 6),
    slots: 2,
    constraints: unconstrained,
  }
  const prepared = [prepareRequest(request, catalogue)]
  const capacity = capacityFor([request], 8, catalogue)
  const parameters = roughParameters(shape)
  const graph = auctionGraph(
    { shape, catalogue: { items: catalogue, creatives: undefined }, creativesByItem: undefined },
    { capacity, beams: 8, parameters: (of) => constantParameters(of, parameters, generatorLayout(shape)) },
  )
  const session = await Session.create(writeModel(graph), { threads: 1 })
  const rows = [{ request: 0, bids: request.bids }]
  const outputs = await session.run({
    ...historyTensors(shape, [{ items: request.history }]),
    ...candidateTensors(prepared, capacity),
    ...searchTensors(prepared, rows, capacity, { bidding: 'None', bidUnit: 1 }, catalogue),
  })
  await session.release()
  // Two ads in either order, an ad and an organic item in either order, two organic items: 2 + 4 + 1.
  const scores = Array.from(outputs.score.data as Float32Array)
  expect(scores.filter((score) => score > -1000)).toHaveLength(7)
  expect(outputs).not.toHaveProperty('creative')
})

test('creatives by item are as many columns as the item with the most has', () => {
  expect(creativesByItem(Uint32Array.of(0, 2, 3))).toEqual({ most: 2, creative: Int32Array.of(0, 1, 2, -1) })
})
