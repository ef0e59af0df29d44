import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Graph } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { ProtobufMessage } from '../../../workers/tensor/protobuf.ts'
import { float32, Session } from '../../../workers/tensor/session.ts'
import { runModel } from './support/run-graph.ts'

describe('protobuf', () => {
  test('varints, floats, text and nesting as the encoding guide writes them', () => {
    const inner = new ProtobufMessage().integer(1, 150)
    const bytes = new ProtobufMessage().message(3, inner).text(2, 'testing').float(4, 1).integer(5, -1).finish()
    const expected = '1a03089601' + '120774657374696e67' + '250000803f' + '28ffffffffffffffffff01'
    expect(Buffer.from(bytes).toString('hex')).toBe(expected)
  })

  test('any integer can be read back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
        const [, ...bytes] = new ProtobufMessage().integer(1, number).finish()
        const read = bytes.reduce((sum, byte, index) => sum | (BigInt(byte & 0x7f) << BigInt(7 * index)), 0n)
        expect(BigInt.asIntN(64, read)).toBe(number)
        expect(bytes.slice(0, -1).every((byte) => byte >= 0x80)).toBe(true)
      }),
    )
  })
})

describe('models', () => {
  test('constants of every type arrive', async () => {
    const graph = new Graph()
    graph.output('floats', graph.constant('float32', [2], [1.5, -2]))
    graph.output('integers', graph.constant('int32', [2], [1, -2]))
    graph.output('longs', graph.constant('int64', [2], BigInt64Array.of(2n ** 40n, -1n)))
    graph.output('flags', graph.constant('bool', [2], [1, 0]))
    const found = await runModel(writeModel(graph), {})
    expect([...found.floats.data]).toEqual([1.5, -2])
    expect([...found.integers.data]).toEqual([1, -2])
    expect([...found.longs.data]).toEqual([2n ** 40n, -1n])
    expect([...found.flags.data]).toEqual([1, 0])
  })

  test('a value given out twice, or straight from an input, is copied', async () => {
    const graph = new Graph()
    const x = graph.input('x', 'float32', [1])
    const y = op.neg(x)
    for (const [name, value] of Object.entries({ first: y, second: y, echo: x, after: op.scale(y, 3) }))
      graph.output(name, value)
    const found = await runModel(writeModel(graph), { x: float32([1], [4]) })
    expect(Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data[0]]))).toEqual({
      first: -4,
      second: -4,
      echo: 4,
      after: -12,
    })
  })

  test('what no output needs is left out, constants too', () => {
    const build = (extra: boolean) => {
      const graph = new Graph()
      const x = graph.input('x', 'float32', [1])
      graph.output('y', op.neg(x))
      if (extra) op.add(op.exp(x), graph.constant('float32', [1], [5]))
      return writeModel(graph)
    }
    expect(build(true)).toEqual(build(false))
  })

  test('a symbolic batch takes any size', async () => {
    const graph = new Graph()
    const x = graph.input('x', 'float32', ['B', 2, 3])
    const sums = op.reduceSum(op.reshape(x, [-1, 3]), [1])
    graph.output('y', op.reshape(sums, ['B', 2]))
    graph.output('zeros', op.expandLike(graph.scalar(0), sums))
    const session = await Session.create(writeModel(graph), { threads: 1 })
    for (const batch of [1, 4]) {
      const { y, zeros } = await session.run({ x: float32([batch, 2, 3], new Float32Array(batch * 6).fill(1)) })
      expect(y.shape).toEqual([batch, 2])
      expect([...y.data]).toEqual(new Array(batch * 2).fill(3))
      expect(zeros.shape).toEqual([batch * 2])
    }
    await session.release()
  })

  test('a graph without an output, or with a value of another graph, is refused', () => {
    expect(() => writeModel(new Graph())).toThrow('no output')
    const graph = new Graph()
    graph.output('y', op.neg(new Graph().input('x', 'float32', [1])))
    expect(() => writeModel(graph)).toThrow('of another graph')
  })

  test('names declared twice and constants that do not fit are refused', () => {
    const graph = new Graph()
    const x = graph.input('x', 'float32', [1])
    expect(() => graph.input('x', 'float32', [1])).toThrow('declared twice')
    expect(() => graph.output('x', x)).toThrow('declared twice')
    expect(() => graph.constant('float32', [2], [1])).toThrow('needs 2 elements, not 1')
    expect(() => graph.constant('int64', [1], new Float32Array(1))).toThrow('int64 constant cannot hold Float32Array')
  })
})
