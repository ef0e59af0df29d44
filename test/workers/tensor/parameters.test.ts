import { describe, expect, test } from 'vitest'
import { Graph } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../workers/tensor/operators.ts'
import {
  constantParameters,
  fromBytes,
  initialParameters,
  type Parameters,
  pack,
  parameterLayout,
  parametersOf,
  toBytes,
  unpack,
} from '../../../workers/tensor/parameters.ts'
import { float32, Session } from '../../../workers/tensor/session.ts'
import { runModel } from './support/run-graph.ts'

const layout = parameterLayout([
  { name: 'w', shape: [30, 20], initial: 'xavier' },
  { name: 'b', shape: [20], initial: 'zeros' },
  { name: 'g', shape: [20], initial: 'ones', decay: true },
  { name: 'e', shape: [50, 40], initial: { normal: 0.02 }, decay: false },
  { name: 'c', shape: [2], initial: { values: Float32Array.of(3, 4) } },
])

test('the layout gives offsets, and decay to matrices unless said otherwise', () => {
  expect(layout.size).toBe(600 + 20 + 20 + 2000 + 2)
  expect(layout.parameters.map(({ offset }) => offset)).toEqual([0, 600, 620, 640, 2640])
  expect(layout.parameters.map(({ decay }) => decay)).toEqual([true, false, true, false, false])
  expect(() => parameterLayout([layout.parameters[0], layout.parameters[0]])).toThrow('declared twice')
})

describe('initial values', () => {
  const values = unpack(initialParameters(layout, 3), layout)
  const of = (name: string) => [...(values.get(name) ?? [])]

  test('follow their initialiser', () => {
    const limit = Math.sqrt(6 / 50)
    expect(Math.max(...of('w').map(Math.abs))).toBeLessThanOrEqual(limit)
    expect(Math.max(...of('w'))).toBeGreaterThan(0.9 * limit)
    expect(new Set(of('b'))).toEqual(new Set([0]))
    expect(new Set(of('g'))).toEqual(new Set([1]))
    expect(Math.sqrt(of('e').reduce((sum, x) => sum + x * x, 0) / 2000)).toBeCloseTo(0.02, 3)
    expect(of('c')).toEqual([3, 4])
  })

  test('follow the seed and the name, not the rest of the layout', () => {
    const alone = parameterLayout([{ name: 'e', shape: [50, 40], initial: { normal: 0.02 } }])
    expect([...initialParameters(alone, 3)]).toEqual(of('e'))
    expect([...initialParameters(alone, 4)]).not.toEqual(of('e'))
  })

  test('of a wrong length are refused', () => {
    const wrong = parameterLayout([{ name: 'c', shape: [3], initial: { values: Float32Array.of(3, 4) } }])
    expect(() => initialParameters(wrong, 1)).toThrow('Parameter c needs 3 values, not 2')
  })
})

describe('flat and named', () => {
  const flat = initialParameters(layout, 3)

  test('pack undoes unpack, and bytes come back at any alignment', () => {
    expect(pack(unpack(flat, layout), layout)).toEqual(flat)
    const shifted = new Uint8Array(flat.byteLength + 1)
    shifted.set(toBytes(flat), 1)
    expect(fromBytes(shifted.subarray(1))).toEqual(flat)
  })

  test('what does not fit is refused', () => {
    expect(() => unpack(new Float32Array(3), layout)).toThrow('are they of one model?')
    expect(() => pack(new Map(), layout)).toThrow('Parameter w needs 600 values, not none')
    expect(() => fromBytes(new Uint8Array(5))).toThrow('cut off')
  })
})

describe('in a graph', () => {
  const flat = initialParameters(layout, 3)
  const use = (graph: Graph, p: Parameters): void => {
    const x = graph.constant('float32', [1, 30], new Float32Array(30).fill(1))
    graph.output('y', op.mul(op.linear(x, p('w'), p('b')), p('g')))
  }

  test('pieces of a flat input, constants and an external file give the same', async () => {
    const trained = new Graph()
    use(trained, parametersOf(trained.input('parameters', 'float32', [layout.size]), layout))
    const { y } = await runModel(writeModel(trained), { parameters: float32([layout.size], flat) })

    const served = new Graph()
    use(served, constantParameters(served, flat, layout))
    const inside = writeModel(served)
    expect((await runModel(inside, {})).y).toEqual(y)

    const weights = { location: 'weights.bin', data: flat }
    const beside = writeModel(served, weights)
    expect(beside.length).toBeLessThan(inside.length - 2000)
    const session = await Session.create(beside, { threads: 1, weights })
    // The session has a copy of its own: the vector may be changed or collected.
    flat.fill(0)
    expect((await session.run({})).y).toEqual(y)
    await session.release()
  })

  test('an unknown name is refused', () => {
    const graph = new Graph()
    expect(() => constantParameters(graph, flat, layout)('nope')).toThrow('no parameter nope')
  })
})
