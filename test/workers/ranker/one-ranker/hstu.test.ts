import { describe, expect, test } from 'vitest'
import { generate } from '../../../../workers/ranker/one-ranker/hstu.ts'
import { oneRankerLayout, streamPositions } from '../../../../workers/ranker/one-ranker/shape.ts'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, Session } from '../../../../workers/tensor/session.ts'
import { plainHstu } from './plain-hstu.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, keep } from './whole-graph.ts'

// Shorter than a block of positions; as long as some; and one longer than that.
describe.each([4, 255, 256])('HSTU blocks over %i behaviours', (historyLength) => {
  const shape = smallOneRanker(1, { hiddenSize: 8, historyLength, layers: 2 })
  const positions = streamPositions(shape)
  const parameters = roughOneRanker(shape)
  const random = new Random('stream', historyLength)
  const normals = () => Array.from({ length: shape.hiddenSize }, () => random.normal())
  const streams = [0, 1].map(() => Array.from({ length: positions }, normals))
  const padding = [2, positions - 2]
  const present = padding.map((count) => Array.from({ length: positions }, (_, at) => at === 0 || at > count))

  const statesOf = async (inputs: readonly (readonly number[][])[]): Promise<Float32Array> => {
    const graph = new Graph()
    const { states, last } = generate(
      constantParameters(graph, parameters, oneRankerLayout(shape)),
      shape,
      {
        states: graph.input('stream', 'float32', ['B', positions, shape.hiddenSize]),
        present: graph.input('present', 'float32', ['B', positions]),
      },
      keep,
    )
    graph.output('states', states)
    graph.output('last', last)
    const session = await Session.create(writeModel(graph), { threads: 1 })
    const outputs = await session.run({
      stream: float32([2, positions, shape.hiddenSize], inputs.flat(2)),
      present: float32([2, positions], present.flat().map(Number)),
    })
    await session.release()
    const all = outputs.states.data as Float32Array
    const ends = [0, 1].flatMap((row) => Array.from(rowsOf(all, row).slice(-shape.hiddenSize)))
    expect(Array.from(outputs.last.data as Float32Array)).toEqual(ends)
    return all
  }

  const rowsOf = (states: Float32Array, sequence: number): Float32Array => {
    const size = positions * shape.hiddenSize
    return states.subarray(sequence * size, (sequence + 1) * size)
  }

  test('are what plain loops make of them', async () => {
    const states = await statesOf(streams)
    for (const [sequence, stream] of streams.entries()) {
      const expected = plainHstu(shape, parameters, stream, present[sequence])
      const rows = rowsOf(states, sequence)
      const there = expected.flatMap((row, at) => (present[sequence][at] ? row : []))
      const actual = Array.from(rows).filter((_, index) => present[sequence][Math.floor(index / shape.hiddenSize)])
      expect(actual).toHaveLength(there.length)
      expect(apart(actual, there)).toBeLessThan(2e-4)
    }
  })

  test('see nothing of what comes later, and what comes later sees it', async () => {
    const changed = Math.floor(positions / 2) + 1
    const moved = streams.map((stream) => stream.map((row, at) => (at === changed ? normals() : row)))
    const [before, after] = [await statesOf(streams), await statesOf(moved)].map((states) => rowsOf(states, 0))
    const edge = changed * shape.hiddenSize
    expect(apart(before.subarray(0, edge), after.subarray(0, edge))).toBe(0)
    for (let at = changed; at < positions; at++) {
      const row = [at * shape.hiddenSize, (at + 1) * shape.hiddenSize] as const
      expect(apart(before.subarray(...row), after.subarray(...row)), `position ${at}`).toBeGreaterThan(1e-6)
    }
  })
})
