// Reshape, expand and sum: the operators that broadcasting is made of, each of which is another's adjoint.

import type { Value } from './graph.ts'
import { axisOf, broadcast, product, quotient, repeatedAxes, type Shape, sameShape, show, sizeOf } from './shapes.ts'

/** A target shape as ONNX wants it: 0 for a symbolic dimension that stays in its place, -1 for the one other. */
const reshapeTarget = (from: Shape, shape: Shape): number[] => {
  const symbolic = shape.filter((dimension) => typeof dimension === 'string').length
  const stays = (axis: number): boolean => symbolic > 1 && shape[axis] === from[axis]
  if (shape.filter((dimension, axis) => typeof dimension === 'string' && !stays(axis)).length > 1)
    throw new Error(`Reshape to ${show(shape)}: only one dimension may be symbolic; use reshapeLike`)
  return shape.map((dimension, axis) => {
    if (typeof dimension === 'number') return dimension
    return stays(axis) ? 0 : -1
  })
}

const inferred = (from: Shape, to: Shape): Shape => {
  const known = to.filter((dimension) => dimension !== -1)
  if (known.length < to.length - 1) throw new Error(`Reshape to ${show(to)}: only one dimension may be -1`)
  if (known.length === to.length && product(from) !== product(to))
    throw new Error(`Cannot reshape ${show(from)} to ${show(to)}`)
  const rest = quotient(product(from), product(known))
  return to.map((dimension) => (dimension === -1 ? rest : dimension))
}

/** One dimension may be -1, to be inferred. */
export const reshape = (input: Value, to: Shape): Value => {
  const shape = inferred(input.shape, to)
  if (sameShape(input.shape, shape)) return input
  const target = input.graph.constant('int64', [shape.length], reshapeTarget(input.shape, shape))
  const [output] = input.graph.emit('Reshape', [input, target], [{ type: input.type, shape }])
  output.graph.record('Reshape', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [reshape(gradient, input.shape)],
  )
  return output
}

/** In the shape of `like`, of which several dimensions may be known only at run time. */
export const reshapeLike = (input: Value, like: Value): Value => {
  if (product(input.shape) !== product(like.shape))
    throw new Error(`Cannot reshape ${show(input.shape)} to ${show(like.shape)}`)
  const [dimensions] = like.graph.emit('Shape', [like], [{ type: 'int64', shape: [like.shape.length] }])
  const [output] = input.graph.emit('Reshape', [input, dimensions], [{ type: input.type, shape: like.shape }])
  output.graph.record('Reshape', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [reshapeLike(gradient, input)],
  )
  return output
}

/** Repeats along axes of length 1. A symbolic dimension of the target must be the input's own; else see expandLike. */
export const expand = (input: Value, to: Shape): Value => {
  const shape = broadcast(input.shape, to)
  if (sameShape(shape, input.shape)) return input
  const lead = shape.length - input.shape.length
  const target = shape.map((dimension, axis) => {
    if (typeof dimension === 'number') return dimension
    if (axis >= lead && input.shape[axis - lead] === dimension) return 1
    throw new Error(
      `Expand ${show(input.shape)} to ${show(to)}: ${dimension} is known only at run time; use expandLike`,
    )
  })
  const operand = input.graph.constant('int64', [target.length], target)
  const [output] = input.graph.emit('Expand', [input, operand], [{ type: input.type, shape }])
  output.graph.record('Expand', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [sumTo(gradient, input.shape)],
  )
  return output
}

/** Repeats `input` to the shape that `like` has when the graph runs. */
export const expandLike = (input: Value, like: Value): Value => {
  if (typeof product(like.shape) === 'number') return expand(input, like.shape)
  const shape = broadcast(input.shape, like.shape)
  const graph = like.graph.depth > input.graph.depth ? like.graph : input.graph
  const [dimensions] = graph.emit('Shape', [like], [{ type: 'int64', shape: [like.shape.length] }])
  const [output] = graph.emit('Expand', [input, dimensions], [{ type: input.type, shape }])
  graph.record('Expand', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [sumTo(gradient, input.shape)],
  )
  return output
}

/** What a reduction over `axes` leaves. */
export const reducedShape = (shape: Shape, axes: readonly number[], keepDimensions: boolean): Shape =>
  shape.flatMap((dimension, axis) => {
    if (!axes.includes(axis)) return [dimension]
    return keepDimensions ? [1] : []
  })

/** Sum over `axes`, all of them if none are given. */
export const reduceSum = (input: Value, axes?: readonly number[], keepDimensions = false): Value => {
  const over = (axes ?? input.shape.map((_, axis) => axis)).map((axis) => axisOf(axis, input.shape.length))
  if (over.length === 0) return input
  const shape = reducedShape(input.shape, over, keepDimensions)
  const operand = input.graph.constant('int64', [over.length], over)
  const [output] = input.graph.emit('ReduceSum', [input, operand], [{ type: input.type, shape }], {
    attributes: { keepdims: keepDimensions ? 1 : 0 },
  })
  output.graph.record('ReduceSum', [input], [output], ([gradient]) => {
    if (gradient === undefined) return []
    return [expandLike(reshape(gradient, reducedShape(input.shape, over, true)), input)]
  })
  return output
}

/** Sum over the rows of a matrix as a product with ones: on CPU faster than ReduceSum over the first axis. */
const sumOfRows = (matrix: Value, rows: number, columns: number): Value => {
  const graph = matrix.graph
  const ones = graph.filled([1, rows], 1)
  // Not MatMul: a scale before it would be fused in, and one row times a factor is summed in an order that depends on
  // the number of threads.
  const [output] = graph.emit('Gemm', [ones, matrix], [{ type: 'float32', shape: [1, columns] }])
  graph.record('SumOfRows', [matrix], [output], ([gradient]) =>
    gradient === undefined ? [] : [expand(gradient, [rows, columns])],
  )
  return output
}

/** Sums a value over the axes along which one of `shape` had to be repeated: the adjoint of broadcasting. */
export const sumTo = (value: Value, shape: Shape): Value => {
  if (sameShape(value.shape, shape)) return value
  const axes = repeatedAxes(value.shape, shape)
  const leading = axes.every((axis, index) => axis === index)
  const columns = product(value.shape.slice(axes.length))
  if (!leading || columns === 1 || value.type !== 'float32' || typeof product(value.shape) === 'string')
    return reshape(reduceSum(value, axes, true), shape)
  const rows = sizeOf(value.shape.slice(0, axes.length))
  return reshape(sumOfRows(reshape(value, [rows, columns]), rows, Number(columns)), shape)
}
