// A ranker's vectors of all items, for what reads them outside of a decoding graph.

import { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import { constantParameters, type ParameterLayout } from '../../tensor/parameters.ts'
import { openRunner, type RunnerOptions } from '../../tensor/runner.ts'
import { int32 } from '../../tensor/session.ts'
import type { RankerShape } from '../architecture.ts'
import { type CodedThings, constantTable, itemsAt } from './token-vectors.ts'

const itemsOfRun = 8192

export interface ItemVectorModel {
  readonly shape: RankerShape
  readonly layout: ParameterLayout
  readonly parameters: Float32Array
}

/** [items, hiddenSize]. */
export async function itemVectorTable(
  { shape, layout, parameters }: ItemVectorModel,
  items: CodedThings,
  where: RunnerOptions,
): Promise<Float32Array> {
  const graph = new Graph()
  const weights = constantParameters(graph, parameters, layout)
  const index = graph.input('index', 'int32', ['N'])
  graph.output('vectors', itemsAt(weights, shape, constantTable(graph, 'item', items), index))
  const runner = await openRunner(writeModel(graph), where)
  try {
    const table = new Float32Array(items.count * shape.hiddenSize)
    for (let from = 0; from < items.count; from += itemsOfRun) {
      const count = Math.min(itemsOfRun, items.count - from)
      const rows = Int32Array.from({ length: count }, (_, row) => from + row)
      const { vectors } = await runner.run({ index: int32([count], rows) })
      table.set(vectors.data as Float32Array, from * shape.hiddenSize)
    }
    return table
  } finally {
    await runner.release()
  }
}
