import { expect, test } from 'vitest'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { float32, int32 } from '../../../workers/tensor/session.ts'
import { evaluate } from './support/run-graph.ts'

const start = { a: float32([2], [1, 2]), b: float32([2], [10, 20]) }

test('carries, collects, reads values around it and counts its rounds', async () => {
  const found = await evaluate(start, ({ a, b }, graph) => {
    const { carried, collected } = op.loop(graph, 3, [a], (iteration, [x]) => {
      // exp(b - b) lies outside the loop though it is written inside it.
      const next = op.add(op.mul(x, 2), op.exp(op.sub(b, b)))
      return { carried: [next], collected: [op.mul(op.cast(iteration, 'float32'), b), x] }
    })
    return { last: carried[0], counted: collected[0], before: collected[1] }
  })
  expect([...found.last.data]).toEqual([15, 23])
  expect([...found.counted.data]).toEqual([0, 0, 10, 20, 20, 40])
  expect([...found.before.data]).toEqual([1, 2, 3, 5, 7, 11])
  expect(found.before.shape).toEqual([3, 2])
})

test('an inner value of a graph that is also its output can be read inside a loop', async () => {
  const found = await evaluate(start, ({ a }, graph) => {
    const doubled = op.scale(a, 2)
    const { carried } = op.loop(graph, 2, [a], (_, [x]) => ({ carried: [op.add(x, doubled)] }))
    return { doubled, sum: carried[0] }
  })
  expect([...found.doubled.data]).toEqual([2, 4])
  expect([...found.sum.data]).toEqual([5, 10])
})

test('loops nest, and pass values through unchanged', async () => {
  const found = await evaluate(start, ({ a, b }, graph) => {
    const { carried } = op.loop(graph, 2, [a, b], (_, [x, y], body) => {
      const inner = op.loop(body, 3, [x], (__, [z]) => ({ carried: [op.add(z, y)] }))
      return { carried: [inner.carried[0], y] }
    })
    return { x: carried[0], y: carried[1] }
  })
  expect([...found.x.data]).toEqual([61, 122])
  expect([...found.y.data]).toEqual([10, 20])
})

test('a loop value keeps its type and shape, or is refused', async () => {
  const build = (change: 'shape' | 'type') =>
    evaluate({ ...start, n: int32([2], [1, 2]) }, ({ a, n }, graph) => ({
      y: op.loop(graph, 2, [a], () => ({ carried: [change === 'type' ? n : op.reshape(a, [1, 2])] })).carried[0],
    }))
  await expect(async () => build('shape')).rejects.toThrow('must stay so')
  await expect(async () => build('type')).rejects.toThrow('must stay so')
})

test('no gradient goes through a loop', async () => {
  const build = () =>
    evaluate(start, ({ a }, graph) => {
      const { carried } = op.loop(graph, 2, [a], (_, [x]) => ({ carried: [op.square(x)] }))
      return { g: gradients(op.reduceSum(carried[0]), [a])[0] }
    })
  await expect(async () => build()).rejects.toThrow('Loop has no gradient')
})
