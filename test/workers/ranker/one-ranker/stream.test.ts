import { describe, expect, test } from 'vitest'
import { constantTable, itemsAt } from '../../../../workers/ranker/ega/token-vectors.ts'
import { contextBucket } from '../../../../workers/ranker/one-ranker/context-bucket.ts'
import { oneRankerLayout, streamPositions } from '../../../../workers/ranker/one-ranker/shape.ts'
import { embedStream, streamInputs, streamTensors } from '../../../../workers/ranker/one-ranker/stream.ts'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { constantParameters, unpack } from '../../../../workers/tensor/parameters.ts'
import { int32, Session } from '../../../../workers/tensor/session.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, keep, streamValues } from './whole-graph.ts'

const itemCount = 20
const catalogue = smallCatalogue(itemCount).items
const times = [0, 1, 2, 3, 4].map((behaviour) => Date.UTC(2024, 0, 1, 5 * behaviour))
const time = Date.UTC(2024, 0, 2)
const long = { items: Uint32Array.of(1, 2, 3, 4, 5), isAd: [1, 0, 1, 0, 1], times, time }

describe('the tensors of the stream', () => {
  const tensors = streamTensors({ historyLength: 3 }, [
    long,
    { items: Uint32Array.of(6) },
    { items: new Uint32Array(0) },
  ])
  const listOf = (name: string) => Array.from(tensors[name].data as Int32Array)

  test('hold the most recent behaviours, aligned at their end', () => {
    expect(listOf(streamInputs.items)).toEqual([3, 4, 5, 0, 0, 6, 0, 0, 0])
    expect(listOf(streamInputs.isAd)).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 0])
    expect(listOf(streamInputs.length)).toEqual([3, 1, 0])
  })

  test('tell the context of each behaviour by the one before it, also when that is not read, and of the request', () => {
    const contexts = [2, 3, 4].map((behaviour) => contextBucket(times[behaviour - 1], times[behaviour]))
    const known = [...contexts, contextBucket(times[4], time)]
    expect(known.every((bucket) => bucket > 0)).toBe(true)
    expect(listOf(streamInputs.context)).toEqual([...known, 0, 0, 0, 0, 0, 0, 0, 0])
  })
})

describe.each(['Summed', 'Flattened'] as const)('a stream of behaviours %s', (historyTokens) => {
  test('is the user, the behaviours with what they are, and the context of the request', async () => {
    const shape = smallOneRanker(itemCount, { historyLength: 3, historyTokens })
    const parameters = roughOneRanker(shape)
    const graph = new Graph()
    const weights = constantParameters(graph, parameters, oneRankerLayout(shape))
    const table = constantTable(graph, 'item', { count: itemCount, ...catalogue })
    const stream = embedStream(weights, shape, table, streamValues(graph, shape), keep)
    graph.output('states', stream.states)
    graph.output('present', stream.present)
    graph.output('vectors', itemsAt(weights, shape, table, graph.input('index', 'int32', [2])))
    const session = await Session.create(writeModel(graph), { threads: 1 })
    const history = { items: Uint32Array.of(7, 9), isAd: [0, 1], times: times.slice(0, 2), time }
    const { states, present, vectors } = await session.run({
      ...streamTensors(shape, [history]),
      index: int32([2], [7, 9]),
    })
    await session.release()
    const width = shape.hiddenSize
    const named = unpack(parameters, oneRankerLayout(shape))
    const row = (values: ArrayLike<number> | undefined, index: number) =>
      Array.from({ length: width }, (_, each) => (values ?? [])[index * width + each])
    const total = (...vectors: number[][]) =>
      vectors[0].map((_, each) => vectors.reduce((sum, one) => sum + one[each], 0))
    const context = (bucket: number) => row(named.get('context'), bucket)
    const item = (place: number) => total(row(vectors.data as Float32Array, place), row(named.get('item.type'), place))
    const before = [contextBucket(undefined, times[0]), contextBucket(times[0], times[1])].map(context)
    const behaviours =
      historyTokens === 'Summed'
        ? [total(item(0), before[0]), total(item(1), before[1])]
        : [before[0], item(0), before[1], item(1)]
    const expected = [...behaviours, context(contextBucket(times[1], time))]
    const positions = streamPositions(shape)
    const there = Array.from(present.data as Float32Array)
    expect(there).toEqual(
      Array.from({ length: positions }, (_, at) => Number(at === 0 || at >= positions - expected.length)),
    )
    const scaled = (vector: number[]) => vector.map((value) => value * Math.sqrt(width))
    expect(apart(row(states.data as Float32Array, 0), scaled(row(named.get('start'), 0)))).toBeLessThan(1e-5)
    const last = (states.data as Float32Array).subarray(-expected.length * width)
    expect(apart(last, expected.flatMap(scaled))).toBeLessThan(1e-5)
  })
})
