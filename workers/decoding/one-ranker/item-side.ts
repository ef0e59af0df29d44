// The items' side of what is scored by OneRanker, computed once for the weights of a model: both sides of an inner product
// have to come of the same.

import { constantTable, itemsAt } from '../../ranker/ega/token-vectors.ts'
import { channelWidth, itemVectors } from '../../ranker/one-ranker/dual-channel.ts'
import { oneRankerLayout } from '../../ranker/one-ranker/shape.ts'
import { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import { constantParameters } from '../../tensor/parameters.ts'
import { openRunner, type RunnerOptions } from '../../tensor/runner.ts'
import { int32 } from '../../tensor/session.ts'
import type { OneRankerParts } from './graphs.ts'

const itemsOfRun = 8192

export interface ItemSide {
  /** [items, hiddenSize]. */
  readonly vectors: Float32Array
  /** e_item of Sec. 3.4 [items, width]; without step 2 the vectors themselves. */
  readonly enhanced: Float32Array
  readonly width: number
}

export async function itemSide({ shape, items, weights }: OneRankerParts, where: RunnerOptions): Promise<ItemSide> {
  const graph = new Graph()
  const parameters = constantParameters(graph, weights, oneRankerLayout(shape))
  const table = constantTable(graph, 'item', { count: items.itemCount, ...items })
  const vectors = itemsAt(parameters, shape, table, graph.input('index', 'int32', ['N']))
  graph.output('vectors', vectors)
  if (shape.refinement) graph.output('enhanced', itemVectors(parameters, shape, vectors))
  const runner = await openRunner(writeModel(graph), where)
  try {
    const count = items.itemCount
    const width = shape.refinement ? channelWidth(shape) : shape.hiddenSize
    const all = new Float32Array(count * shape.hiddenSize)
    const enhanced = shape.refinement ? new Float32Array(count * width) : all
    for (let from = 0; from < count; from += itemsOfRun) {
      const rows = Int32Array.from({ length: Math.min(itemsOfRun, count - from) }, (_, row) => from + row)
      const outputs = await runner.run({ index: int32([rows.length], rows) })
      all.set(outputs.vectors.data as Float32Array, from * shape.hiddenSize)
      if (shape.refinement) enhanced.set(outputs.enhanced.data as Float32Array, from * width)
    }
    return { vectors: all, enhanced, width }
  } finally {
    await runner.release()
  }
}
