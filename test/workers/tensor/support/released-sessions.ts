// A process of its own, in which nothing else takes or gives memory: prints by how many bytes 20 sessions that were
// made and released made it grow.
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import { float32, Session } from '../../../../workers/tensor/session.ts'

const graph = new Graph()
const weight = graph.constant('float32', [2048, 2048], new Float32Array(2048 * 2048).fill(0.5))
graph.output('y', op.linear(graph.input('x', 'float32', [1, 2048]), weight))
const model = writeModel(graph)

async function round(): Promise<void> {
  const session = await Session.create(model, { threads: 1 })
  await session.run({ x: float32([1, 2048], new Float32Array(2048)) })
  await session.release()
}

for (let warmUp = 0; warmUp < 3; warmUp++) await round()
const before = process.memoryUsage.rss()
for (let again = 0; again < 20; again++) await round()
console.log(process.memoryUsage.rss() - before)
