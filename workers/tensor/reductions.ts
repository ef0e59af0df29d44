// Reductions and the soft maximum, with their closed-form gradients.

import { expandLike, reducedShape, reduceSum, reshape } from './broadcasting.ts'
import { cast, div, equal, exp, mul, scale, sqrt, square, sub } from './elementwise.ts'
import type { Value } from './graph.ts'
import { axisOf, type Shape, sizeOf } from './shapes.ts'

const axesOf = (shape: Shape, axes: readonly number[] | undefined): number[] =>
  (axes ?? shape.map((_, axis) => axis)).map((axis) => axisOf(axis, shape.length))

/** Mean over `axes` (numbers, not symbols), all of them if none are given. */
export const reduceMean = (input: Value, axes?: readonly number[], keepDimensions = false): Value => {
  const over = axesOf(input.shape, axes)
  const operand = input.graph.constant('int64', [over.length], over)
  const shape = reducedShape(input.shape, over, keepDimensions)
  const [output] = input.graph.emit('ReduceMean', [input, operand], [{ type: input.type, shape }], {
    attributes: { keepdims: Number(keepDimensions) },
  })
  output.graph.record('ReduceMean', [input], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const count = sizeOf(over.map((axis) => input.shape[axis]))
    return [expandLike(scale(reshape(gradient, reducedShape(input.shape, over, true)), 1 / count), input)]
  })
  return output
}

/** Greatest over `axes`; the gradient is shared evenly among equals. */
export const reduceMax = (input: Value, axes?: readonly number[], keepDimensions = false): Value => {
  const over = axesOf(input.shape, axes)
  const operand = input.graph.constant('int64', [over.length], over)
  const shape = reducedShape(input.shape, over, keepDimensions)
  const [output] = input.graph.emit('ReduceMax', [input, operand], [{ type: input.type, shape }], {
    attributes: { keepdims: Number(keepDimensions) },
  })
  output.graph.record('ReduceMax', [input], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const kept = reducedShape(input.shape, over, true)
    const greatest = cast(equal(input, reshape(output, kept)), 'float32')
    return [mul(greatest, div(reshape(gradient, kept), reduceSum(greatest, over, true)))]
  })
  return output
}

export const softmax = (input: Value, axis = -1): Value => {
  const along = axisOf(axis, input.shape.length)
  const [output] = input.graph.emit('Softmax', [input], [input], { attributes: { axis: along } })
  output.graph.record('Softmax', [input], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const weighted = mul(gradient, output)
    return [sub(weighted, mul(output, reduceSum(weighted, [along], true)))]
  })
  return output
}

export const logSoftmax = (input: Value, axis = -1): Value => {
  const along = axisOf(axis, input.shape.length)
  const [output] = input.graph.emit('LogSoftmax', [input], [input], { attributes: { axis: along } })
  output.graph.record('LogSoftmax', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [sub(gradient, mul(exp(output), reduceSum(gradient, [along], true)))],
  )
  return output
}

/** Running sum along an axis; `exclusive` leaves each element itself out, `reverse` sums from the end. */
export const cumulativeSum = (
  input: Value,
  axis: number,
  options: { exclusive?: boolean; reverse?: boolean } = {},
): Value => {
  const { exclusive = false, reverse = false } = options
  const along = axisOf(axis, input.shape.length)
  const [output] = input.graph.emit('CumSum', [input, input.graph.scalar(along, 'int64')], [input], {
    attributes: { exclusive: Number(exclusive), reverse: Number(reverse) },
  })
  output.graph.record('CumSum', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [cumulativeSum(gradient, along, { exclusive, reverse: !reverse })],
  )
  return output
}

/** Euclidean norm over `axes`, all of them if none are given; its gradient at zero is not finite unless `epsilon` > 0. */
export const l2Norm = (input: Value, axes?: readonly number[], keepDimensions = false, epsilon = 0): Value => {
  const squares = reduceSum(square(input), axes, keepDimensions)
  return sqrt(epsilon === 0 ? squares : addEpsilon(squares, epsilon))
}

const addEpsilon = (input: Value, epsilon: number): Value => sub(input, -epsilon)
