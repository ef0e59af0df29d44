// Operators that read or write by index. Gradients of reads accumulate by ScatterElements(add), or for a small table by
// a product with one-hot rows; never by ScatterND with a reduction, which races on CPU when indices repeat and more than
// one thread runs (microsoft/onnxruntime issues 18048 and 23396).

import { expandLike, reshape } from './broadcasting.ts'
import { graphOf, type Value } from './graph.ts'
import { gemm } from './linear.ts'
import { axisOf, type Dimension, product, sameShape, show } from './shapes.ts'

/** Up to so many rows a product with one-hot rows is the faster way to sum an embedding's gradient. */
const oneHotRows = 128

const zeros = (graph: Value['graph'], shape: readonly number[]): Value => {
  const dimensions = graph.constant('int64', [shape.length], shape)
  return graph.emit('Expand', [graph.scalar(0), dimensions], [{ type: 'float32', shape }])[0]
}

const zerosLike = (like: Value): Value => expandLike(like.graph.scalar(0, like.type), like)

/** Sum of the rows of `gradient` [before, indices, after] into `rows` places of the middle axis. */
const accumulate = (gradient: Value, indices: Value, before: Dimension, rows: number, after: Dimension): Value => {
  const flat = reshape(indices, [-1])
  if (before === 1 && rows <= oneHotRows)
    return gemm(oneHot(flat, rows), reshape(gradient, [-1, after]), undefined, { transposeA: true })
  const updates = reshape(gradient, [before, flat.shape[0], after])
  const places = expandLike(reshape(flat, [1, -1, 1]), updates)
  const base = zeros(gradient.graph, [Number(before), rows, Number(after)])
  return scatterElements(base, places, updates, 1, 'add')
}

/** Slices of `table` along `axis`, in the order of `indices` (any shape, integers within range). */
export const gather = (table: Value, indices: Value, axis = 0): Value => {
  const along = axisOf(axis, table.shape.length)
  const before = table.shape.slice(0, along)
  const after = table.shape.slice(along + 1)
  const shape = [...before, ...indices.shape, ...after]
  const graph = graphOf(table, indices)
  const [output] = graph.emit('Gather', [table, indices], [{ type: table.type, shape }], {
    attributes: { axis: along },
  })
  graph.record('Gather', [table], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const rows = Number(table.shape[along])
    return [reshape(accumulate(gradient, indices, product(before), rows, product(after)), table.shape)]
  })
  return output
}

/** `output[i][j] = input[indices[i][j]][j]` for axis 0, and likewise for others. */
export const gatherElements = (input: Value, indices: Value, axis: number): Value => {
  const along = axisOf(axis, input.shape.length)
  const graph = graphOf(input, indices)
  const [output] = graph.emit('GatherElements', [input, indices], [{ type: input.type, shape: indices.shape }], {
    attributes: { axis: along },
  })
  graph.record('GatherElements', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [scatterElements(zerosLike(input), indices, gradient, along, 'add')],
  )
  return output
}

/** ONNX GatherND: the last axis of `indices` is a coordinate. For serving graphs; it has no gradient. */
export const gatherND = (input: Value, indices: Value, batchDimensions = 0): Value => {
  const coordinate = indices.shape[indices.shape.length - 1]
  if (typeof coordinate === 'string') throw new Error('The length of a coordinate must be a number')
  const shape = [...indices.shape.slice(0, -1), ...input.shape.slice(batchDimensions + coordinate)]
  const graph = graphOf(input, indices)
  const [output] = graph.emit('GatherND', [input, indices], [{ type: input.type, shape }], {
    attributes: { batch_dims: batchDimensions },
  })
  graph.record('GatherND', [input], [output])
  return output
}

/** A copy of `input` in which `updates` replace the elements at `indices`, or are added to them. */
export const scatterElements = (
  input: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: 'none' | 'add' = 'none',
): Value => {
  if (!sameShape(indices.shape, updates.shape))
    throw new Error(`Indices ${show(indices.shape)} and updates ${show(updates.shape)} must have one shape`)
  const along = axisOf(axis, input.shape.length)
  const graph = graphOf(input, indices, updates)
  const [output] = graph.emit('ScatterElements', [input, indices, updates], [input], {
    attributes: { axis: along, reduction },
  })
  graph.record('ScatterElements', [input, updates], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const toUpdates = gatherElements(gradient, indices, along)
    if (reduction === 'add') return [gradient, toUpdates]
    return [scatterElements(gradient, indices, zerosLike(updates), along), toUpdates]
  })
  return output
}

/** Rows with `on` at the index and `off` elsewhere: [...] becomes [..., depth]. */
export const oneHot = (indices: Value, depth: number, on = 1, off = 0): Value => {
  const graph = indices.graph
  const values = graph.constant('float32', [2], [off, on])
  const operands = [indices, graph.scalar(depth, indices.type), values]
  return graph.emit('OneHot', operands, [{ type: 'float32', shape: [...indices.shape, depth] }], {
    attributes: { axis: -1 },
  })[0]
}

export interface TopK {
  readonly values: Value
  /** int64 positions along the axis. */
  readonly indices: Value
}

/** The `count` greatest along an axis, in descending order; among equals the lower index comes first. */
export const topK = (input: Value, count: number, axis = -1): TopK => {
  const along = axisOf(axis, input.shape.length)
  const graph = input.graph
  const shape = input.shape.with(along, count)
  const types = [
    { type: input.type, shape },
    { type: 'int64' as const, shape },
  ]
  const [values, indices] = graph.emit('TopK', [input, graph.constant('int64', [1], [count])], types, {
    attributes: { axis: along, largest: 1, sorted: 1 },
  })
  graph.record('TopK', [input], [values], ([gradient]) =>
    gradient === undefined ? [] : [scatterElements(zerosLike(input), indices, gradient, along, 'add')],
  )
  return { values, indices }
}

/** int64 index of the greatest along an axis, the first among equals; the axis goes. */
export const argMax = (input: Value, axis = -1): Value => {
  const along = axisOf(axis, input.shape.length)
  const shape = input.shape.filter((_, index) => index !== along)
  return input.graph.emit('ArgMax', [input], [{ type: 'int64', shape }], {
    attributes: { axis: along, keepdims: 0, select_last_index: 0 },
  })[0]
}
