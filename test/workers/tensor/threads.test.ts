import { expect, test } from 'vitest'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import { Graph } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { bool, float32, Session } from '../../../workers/tensor/session.ts'

// ONNX Runtime fuses a scale into a MatMul that follows it, and sums one row of a product with a factor in an order that
// depends on how many threads share it. Dropout before a bias has such a scale in its gradient.
test('the gradient of a bias before dropout has the same bytes at any number of threads', async () => {
  const [rows, columns] = [2048, 128]
  const graph = new Graph()
  const input = graph.input('input', 'float32', [rows, columns])
  const bias = graph.input('bias', 'float32', [columns])
  const keep = graph.input('keep', 'bool', [rows, columns])
  const weights = graph.input('weights', 'float32', [rows, columns])
  const loss = op.reduceSum(op.mul(op.dropout(op.add(input, bias), keep, 0.3), weights))
  const [gradient] = gradients(loss, [bias])
  graph.output('gradient', gradient)
  const random = new Random(1, 'threads')
  const noise = () => Float32Array.from({ length: rows * columns }, () => random.normal())
  const inputs = {
    input: float32([rows, columns], noise()),
    bias: float32([columns], new Float32Array(columns)),
    keep: bool([rows, columns], random.keepMask(new Uint8Array(rows * columns), 0.3)),
    weights: float32([rows, columns], noise()),
  }
  const results: ArrayLike<number | bigint>[] = []
  for (const threads of [1, 2]) {
    const session = await Session.create(writeModel(graph), { threads })
    results.push((await session.run(inputs)).gradient.data)
    await session.release()
  }
  expect(results[1]).toEqual(results[0])
})
