// Builds a graph, runs it once and releases its session.

import type { TensorData, Value } from '../../../../workers/tensor/graph.ts'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { Session, type Tensors } from '../../../../workers/tensor/session.ts'

/** Runs `model` once with `inputs`. */
export const runModel = async (
  model: Uint8Array,
  inputs: Tensors,
  threads = 1,
): Promise<Record<string, TensorData>> => {
  const session = await Session.create(model, { threads })
  try {
    return await session.run(inputs)
  } finally {
    await session.release()
  }
}

/** A graph with the inputs of `tensors`, whose outputs are what `build` returns. */
export const graphOn = (
  tensors: Tensors,
  build: (values: Readonly<Record<string, Value>>, graph: Graph) => Readonly<Record<string, Value>>,
): Graph => {
  const graph = new Graph()
  const values = Object.fromEntries(
    Object.entries(tensors).map(([name, { type, shape }]) => [name, graph.input(name, type, shape)]),
  )
  for (const [name, value] of Object.entries(build(values, graph))) graph.output(name, value)
  return graph
}

/** Builds, runs once, and gives the outputs. */
export const evaluate = (
  tensors: Tensors,
  build: (values: Readonly<Record<string, Value>>, graph: Graph) => Readonly<Record<string, Value>>,
): Promise<Record<string, TensorData>> => runModel(writeModel(graphOn(tensors, build)), tensors)
