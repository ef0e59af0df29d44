// Operators that move elements without computing on them.

import { expandLike, reduceSum, reshape } from './broadcasting.ts'
import { type GradientRule, graphOf, type Value } from './graph.ts'
import { axisOf, type Dimension, product, type Shape, sameShape, show } from './shapes.ts'

/** Output axis i is input axis `permutation[i]`. */
export const transpose = (input: Value, permutation: readonly number[]): Value => {
  const axes = permutation.map((axis) => axisOf(axis, input.shape.length))
  if (new Set(axes).size !== input.shape.length)
    throw new Error(`[${permutation.join(', ')}] is no permutation of the axes of ${show(input.shape)}`)
  const shape = axes.map((axis) => input.shape[axis])
  const [output] = input.graph.emit('Transpose', [input], [{ type: input.type, shape }], { attributes: { perm: axes } })
  const inverse = axes.map((_, axis) => axes.indexOf(axis))
  output.graph.record('Transpose', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [transpose(gradient, inverse)],
  )
  return output
}

const total = (dimensions: readonly Dimension[]): Dimension => {
  if (dimensions.length === 1) return dimensions[0]
  return dimensions.reduce<number>((sum, dimension) => {
    if (typeof dimension === 'string') throw new Error(`Cannot concatenate along the symbolic dimension ${dimension}`)
    return sum + dimension
  }, 0)
}

export const concat = (values: readonly Value[], axis: number): Value => {
  const [first] = values
  const along = axisOf(axis, first.shape.length)
  const without = (shape: Shape): Shape => shape.filter((_, index) => index !== along)
  for (const value of values) {
    if (value.shape.length !== first.shape.length || !sameShape(without(value.shape), without(first.shape)))
      throw new Error(`Cannot concatenate ${show(first.shape)} and ${show(value.shape)} along axis ${along}`)
  }
  if (values.length === 1) return first
  const sizes = values.map((value) => value.shape[along])
  const shape = first.shape.with(along, total(sizes))
  const [output] = graphOf(...values).emit('Concat', values, [{ type: first.type, shape }], {
    attributes: { axis: along },
  })
  output.graph.record('Concat', values, [output], ([gradient]) =>
    gradient === undefined ? [] : split(gradient, along, sizes.map(Number)),
  )
  return output
}

export const split = (input: Value, axis: number, sizes: readonly number[]): Value[] => {
  const along = axisOf(axis, input.shape.length)
  const whole = sizes.reduce((sum, size) => sum + size, 0)
  if (input.shape[along] !== whole)
    throw new Error(`Pieces of ${sizes.join(' + ')} do not make axis ${along} of ${show(input.shape)}`)
  if (sizes.length === 1) return [input]
  const operand = input.graph.constant('int64', [sizes.length], sizes)
  const types = sizes.map((size) => ({ type: input.type, shape: input.shape.with(along, size) }))
  const outputs = input.graph.emit('Split', [input, operand], types, { attributes: { axis: along } })
  const rule: GradientRule = (gradients) => [
    concat(
      outputs.map((output, index) => gradients[index] ?? expandLike(output.graph.scalar(0, output.type), output)),
      along,
    ),
  ]
  input.graph.record('Split', [input], outputs, rule)
  return outputs
}

/** Elements `start` (inclusive) to `end` (exclusive) of an axis whose length is a number. */
export const slice = (input: Value, axis: number, start: number, end: number): Value => {
  const along = axisOf(axis, input.shape.length)
  const length = input.shape[along]
  if (typeof length === 'string' || !(0 <= start && start < end && end <= length))
    throw new Error(`Cannot slice ${start} to ${end} out of axis ${along} of ${show(input.shape)}`)
  if (start === 0 && end === length) return input
  const graph = input.graph
  const operands = [start, end, along].map((number) => graph.constant('int64', [1], [number]))
  const shape = input.shape.with(along, end - start)
  const [output] = graph.emit('Slice', [input, ...operands], [{ type: input.type, shape }])
  graph.record('Slice', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [pad(gradient, along, start, length - end)],
  )
  return output
}

/** Zeros before and after along one axis. */
export const pad = (input: Value, axis: number, before: number, after: number): Value => {
  const along = axisOf(axis, input.shape.length)
  const length = input.shape[along]
  if (typeof length === 'string') throw new Error(`Cannot pad the symbolic axis ${along} of ${show(input.shape)}`)
  const rank = input.shape.length
  const pads = Array.from({ length: 2 * rank }, () => 0)
  pads[along] = before
  pads[rank + along] = after
  const graph = input.graph
  const operands = [graph.constant('int64', [2 * rank], pads), graph.scalar(0, input.type)]
  const shape = input.shape.with(along, length + before + after)
  const [output] = graph.emit('Pad', [input, ...operands], [{ type: input.type, shape }])
  graph.record('Pad', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [slice(gradient, along, before, before + length)],
  )
  return output
}

/** The whole repeated `repeats[i]` times along axis i. */
export const tile = (input: Value, repeats: readonly number[]): Value => {
  if (repeats.length !== input.shape.length)
    throw new Error(`tile of ${show(input.shape)} needs a repeat for each axis`)
  const graph = input.graph
  const shape = input.shape.map((dimension, axis) => product([dimension, repeats[axis]]))
  const operand = graph.constant('int64', [repeats.length], repeats)
  const [output] = graph.emit('Tile', [input, operand], [{ type: input.type, shape }])
  graph.record('Tile', [input], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const pieces = input.shape.flatMap((dimension, axis) => [repeats[axis], dimension])
    const copies = repeats.map((_, axis) => 2 * axis)
    return [reduceSum(reshape(gradient, pieces), copies)]
  })
  return output
}
