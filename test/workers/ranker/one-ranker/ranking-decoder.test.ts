import { describe, expect, test } from 'vitest'
import { constantTable, itemsAt } from '../../../../workers/ranker/ega/token-vectors.ts'
import { generate } from '../../../../workers/ranker/one-ranker/hstu.ts'
import {
  memoryFrom,
  memoryOutputs,
  memoryShapes,
  rankCandidates,
  rankingMemory,
  rankingMemoryRows,
} from '../../../../workers/ranker/one-ranker/ranking-decoder.ts'
import { refine } from '../../../../workers/ranker/one-ranker/refinement.ts'
import { type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { embedStream, streamTensors } from '../../../../workers/ranker/one-ranker/stream.ts'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { float32, int32, Session } from '../../../../workers/tensor/session.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, keep, streamValues, wholeModel } from './whole-graph.ts'

const itemCount = 20
const catalogue = smallCatalogue(itemCount)
const histories = [{ items: Uint32Array.of(4, 11, 2), isAd: [0, 1, 0] }, { items: Uint32Array.of(9) }]

describe.each([1, 2])('step 3 of %i layers', (rankerLayers) => {
  const shape = smallOneRanker(itemCount, { rankerLayers })
  const parameters = roughOneRanker(shape)

  const ranked = async (candidates: readonly (readonly number[])[]): Promise<Map<number, number>[]> => {
    const model = await wholeModel(shape, catalogue, candidates[0].length)
    const { f } = await model.run(parameters, { histories, candidates })
    await model.release()
    return candidates.map((row, request) => new Map(row.map((item, at) => [item, f[request * row.length + at]])))
  }

  test('scores a candidate alike whoever stands beside it, and where', async () => {
    const whole = await ranked([
      [3, 7, 12, 1],
      [1, 2, 19, 5],
    ])
    for (const changed of [
      [
        [12, 1, 3, 7],
        [5, 19, 2, 1],
      ],
      [
        [7, 3],
        [2, 5],
      ],
      [
        [3, 7, 12, 1, 0, 18],
        [8, 1, 2, 19, 17, 5],
      ],
    ])
      for (const [request, scores] of (await ranked(changed)).entries())
        for (const [item, f] of whole[request])
          if (scores.has(item)) expect(Math.abs(Number(scores.get(item)) - f), `item ${item}`).toBeLessThan(1e-6)
    const all = whole.flatMap((scores) => [...scores.values()])
    expect(new Set(all.map((f) => f.toFixed(3))).size).toBe(all.length)
  })
})

describe('the memory of step 3', () => {
  test.each([
    {},
    { rankerLayers: 2 },
    { rankerMemory: 'StepOne' },
    { refinement: false },
  ] as const satisfies readonly Partial<OneRankerShape>[])('passes from one graph to another, %o', async (changes) => {
    const shape = smallOneRanker(itemCount, changes)
    const parameters = roughOneRanker(shape)
    const encode = new Graph()
    {
      const weights = constantParameters(encode, parameters, oneRankerLayout(shape))
      const table = constantTable(encode, 'item', { count: itemCount, ...catalogue.items })
      const stream = embedStream(weights, shape, table, streamValues(encode, shape), keep)
      const generated = generate(weights, shape, stream, keep)
      const refined = shape.refinement ? refine(weights, shape, generated, keep) : undefined
      const memory = rankingMemory(weights, shape, generated, refined, keep)
      for (const [name, value] of Object.entries(memoryOutputs(memory))) encode.output(name, value)
    }
    const rank = new Graph()
    {
      const weights = constantParameters(rank, parameters, oneRankerLayout(shape))
      const table = constantTable(rank, 'item', { count: itemCount, ...catalogue.items })
      const kept = Object.entries(memoryShapes(shape, 'H')).map(
        ([name, size]) => [name, rank.input(name, 'float32', size)] as const,
      )
      const of = rank.input('of', 'int32', ['B'])
      const memory = rankingMemoryRows(memoryFrom(shape, Object.fromEntries(kept)), of)
      const items = itemsAt(weights, shape, table, rank.input('candidates', 'int32', ['B', 3]))
      const isAd = rank.input('isAd', 'float32', ['B', 3])
      rank.output('f', rankCandidates(weights, shape, memory, { items, isAd }, keep))
    }
    const candidates = [
      [3, 7, 12],
      [1, 2, 19],
    ]
    const encoder = await Session.create(writeModel(encode), { threads: 1 })
    const ranker = await Session.create(writeModel(rank), { threads: 1 })
    const memory = await encoder.run(streamTensors(shape, histories))
    // The second request of the first user, and the first of the second: rows say whose memory they read.
    const { f } = await ranker.run({
      ...memory,
      of: int32([2], [1, 0]),
      candidates: int32([2, 3], candidates.flat()),
      isAd: float32(
        [2, 3],
        candidates.flat().map((item) => item % 2),
      ),
    })
    await encoder.release()
    await ranker.release()
    const model = await wholeModel(shape, catalogue)
    const whole = await model.run(parameters, { histories: histories.toReversed(), candidates })
    await model.release()
    expect(apart(f.data as Float32Array, whole.f)).toBeLessThan(1e-6)
  })
})
