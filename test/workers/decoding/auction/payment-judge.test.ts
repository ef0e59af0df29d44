import { expect, test } from 'vitest'
import type { Allocation } from '../../../../workers/auction/auction.ts'
import { pivotPrice } from '../../../../workers/auction/pivot-price.ts'
import { pivotPrices } from '../../../../workers/decoding/auction/payment-judge.ts'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32 } from '../../../../workers/tensor/session.ts'
import { runModel } from '../../tensor/support/run-graph.ts'

const ads = 5
const beams = 6
const slots = 3

/** Lists of distinct ads, one after the other. */
const flatLists = (random: Random): Int32Array =>
  Int32Array.from(Array.from({ length: beams }, () => [...random.permutation(ads).subarray(0, slots)]).flat())

test('the pivot price is the same inside the graph and on the host, and no more than the bid', async () => {
  const random = new Random(1, 'pivot prices')
  const rows = 20
  const requests = Array.from({ length: rows }, () => {
    const bids = Float32Array.from({ length: ads }, () => 0.2 + random.uniform())
    const candidate = flatLists(random)
    const pCtr = Float32Array.from(candidate, () => 0.01 + 0.1 * random.uniform())
    const reward = Float32Array.from({ length: beams }, (_, list) =>
      candidate
        .subarray(list * slots, (list + 1) * slots)
        .reduce((sum, ad, slot) => sum + bids[ad] * pCtr[list * slots + slot], 0.02 * random.uniform()),
    )
    return { bids, candidate, pCtr, reward, chosen: reward.indexOf(Math.max(...reward)) }
  })
  const flat = (of: (request: (typeof requests)[number]) => ArrayLike<number>) =>
    Float32Array.from(requests.flatMap((request) => Array.from(of(request))))
  const graph = new Graph()
  const inputs = {
    candidate: {
      type: 'int64' as const,
      shape: [rows, beams, slots],
      data: BigInt64Array.from(requests.flatMap(({ candidate }) => Array.from(candidate, BigInt))),
    },
    bid: float32(
      [rows, beams, slots],
      flat(({ bids, candidate }) => Float32Array.from(candidate, (ad) => bids[ad])),
    ),
    pCtr: float32(
      [rows, beams, slots],
      flat(({ pCtr }) => pCtr),
    ),
    reward: float32(
      [rows, beams],
      flat(({ reward }) => reward),
    ),
    chosen: {
      type: 'int64' as const,
      shape: [rows],
      data: BigInt64Array.from(requests, ({ chosen }) => BigInt(chosen)),
    },
  }
  const value = (name: keyof typeof inputs) =>
    graph.input(name, inputs[name].type, ['R', ...inputs[name].shape.slice(1)])
  graph.output(
    'pivotPrice',
    pivotPrices(
      { candidate: value('candidate'), bid: value('bid'), pCtr: value('pCtr'), reward: value('reward') },
      value('chosen'),
    ),
  )
  const { pivotPrice: found } = await runModel(writeModel(graph), inputs)
  let positive = 0
  for (const [row, { bids, candidate, pCtr, reward, chosen }] of requests.entries()) {
    const lists = { count: beams, slots, candidate, pCtr, reward } as Allocation['lists']
    for (let slot = 0; slot < slots; slot++) {
      const ad = candidate[chosen * slots + slot]
      const request = {
        ads: new Uint32Array(bids.length),
        bids: Float64Array.from(bids),
        advertisers: new Uint32Array(bids.length),
      }
      const expected = pivotPrice(request, { lists, chosen }, ad)
      expect(Number(found.data[row * slots + slot])).toBeCloseTo(expected, 4)
      expect(expected).toBeLessThanOrEqual(bids[ad] * (1 + 1e-6))
      positive += Number(expected > 0)
    }
  }
  expect(positive).toBeGreaterThan(rows / 2)
})
