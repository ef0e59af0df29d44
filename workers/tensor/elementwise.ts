// Arithmetic, comparisons and activations, one element at a time, with NumPy broadcasting.

import { sumTo } from './broadcasting.ts'
import { type ElementType, type GradientRule, graphOf, type Value } from './graph.ts'
import { broadcast } from './shapes.ts'

/** A value, or a number that becomes a scalar constant of the other operand's type. */
export type Operand = Value | number

const asValue = (operand: Operand, like: Value): Value =>
  typeof operand === 'number' ? like.graph.scalar(operand, like.type) : operand

const pair = (a: Operand, b: Operand): [Value, Value] => {
  if (typeof a !== 'number') return [a, asValue(b, a)]
  if (typeof b !== 'number') return [asValue(a, b), b]
  throw new Error('One of the two operands must be a value of a graph')
}

const emitBinary = (operator: string, a: Value, b: Value, type: ElementType = a.type): Value => {
  if (a.type !== b.type) throw new Error(`${operator} needs one element type, not ${a.type} and ${b.type}; use cast`)
  return graphOf(a, b).emit(operator, [a, b], [{ type, shape: broadcast(a.shape, b.shape) }])[0]
}

type BinaryRule = (gradient: Value, a: Value, b: Value, output: Value) => [Value, Value]

const binary =
  (operator: string, rule: BinaryRule) =>
  (left: Operand, right: Operand): Value => {
    const [a, b] = pair(left, right)
    const output = emitBinary(operator, a, b)
    output.graph.record(operator, [a, b], [output], ([gradient]) => {
      if (gradient === undefined) return []
      const [toA, toB] = rule(gradient, a, b, output)
      return [sumTo(toA, a.shape), sumTo(toB, b.shape)]
    })
    return output
  }

const unary =
  (operator: string, rule: (gradient: Value, input: Value, output: Value) => Value) =>
  (input: Value): Value => {
    const [output] = input.graph.emit(operator, [input], [input])
    output.graph.record(operator, [input], [output], ([gradient]) =>
      gradient === undefined ? [] : [rule(gradient, input, output)],
    )
    return output
  }

export const add = binary('Add', (gradient) => [gradient, gradient])
export const sub = binary('Sub', (gradient) => [gradient, neg(gradient)])
export const mul = binary('Mul', (gradient, a, b) => [mul(gradient, b), mul(gradient, a)])
export const div = binary('Div', (gradient, _a, b, output) => {
  const toA = div(gradient, b)
  return [toA, neg(mul(toA, output))]
})
/** The larger of two; equal operands give the gradient to the first. */
export const maximum = binary('Max', (gradient, a, b) => chosen(gradient, greaterOrEqual(a, b)))
/** The smaller of two; equal operands give the gradient to the first. */
export const minimum = binary('Min', (gradient, a, b) => chosen(gradient, lessOrEqual(a, b)))

const chosen = (gradient: Value, first: Value): [Value, Value] => [where(first, gradient, 0), where(first, 0, gradient)]

export const scale = (input: Value, factor: number): Value => mul(input, factor)
export const neg: (input: Value) => Value = unary('Neg', (gradient) => neg(gradient))
export const sqrt = unary('Sqrt', (gradient, _input, output) => div(gradient, scale(output, 2)))
export const exp = unary('Exp', (gradient, _input, output) => mul(gradient, output))
export const log = unary('Log', (gradient, input) => div(gradient, input))
export const abs = unary('Abs', (gradient, input) => where(greater(input, 0), gradient, neg(gradient)))
export const square = (input: Value): Value => mul(input, input)

/** `input` to a constant power. */
export const pow = (input: Value, exponent: number): Value => {
  const [output] = input.graph.emit('Pow', [input, input.graph.scalar(exponent, input.type)], [input])
  output.graph.record('Pow', [input], [output], ([gradient]) =>
    gradient === undefined ? [] : [mul(gradient, scale(pow(input, exponent - 1), exponent))],
  )
  return output
}

export const relu = unary('Relu', (gradient, input) => where(greater(input, 0), gradient, 0))
export const sigmoid: (input: Value) => Value = unary('Sigmoid', (gradient, _input, output) =>
  mul(gradient, mul(output, sub(1, output))),
)
export const tanh: (input: Value) => Value = unary('Tanh', (gradient, _input, output) =>
  mul(gradient, sub(1, mul(output, output))),
)
export const erf = unary('Erf', (gradient, input) =>
  mul(gradient, scale(exp(neg(square(input))), 2 / Math.sqrt(Math.PI))),
)
export const softplus: (input: Value) => Value = unary('Softplus', (gradient, input) => mul(gradient, sigmoid(input)))

/** `x * sigmoid(alpha * x)`, one gradient for the pair of nodes. */
const gated =
  (name: string, alpha: number) =>
  (input: Value): Value => {
    const gate = sigmoid(alpha === 1 ? input : scale(input, alpha))
    const output = mul(input, gate)
    const rule: GradientRule = ([gradient]) => {
      if (gradient === undefined) return []
      const product = mul(output, sub(1, gate))
      return [mul(gradient, add(gate, alpha === 1 ? product : scale(product, alpha)))]
    }
    output.graph.record(name, [input], [output], rule)
    return output
  }

export const silu = gated('Silu', 1)
/** The sigmoid approximation `x * sigmoid(1.702 x)` of Hendrycks and Gimpel, arXiv 1606.08415: cheaper than `gelu`. */
export const quickGelu = gated('QuickGelu', 1.702)

/** Exact GELU, `x * Phi(x)`. */
export const gelu = (input: Value): Value => {
  const distribution = scale(add(erf(scale(input, Math.SQRT1_2)), 1), 0.5)
  const output = mul(input, distribution)
  output.graph.record('Gelu', [input], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const density = scale(exp(scale(square(input), -0.5)), 1 / Math.sqrt(2 * Math.PI))
    return [mul(gradient, add(distribution, mul(input, density)))]
  })
  return output
}

/** Keeps what `keep` (boolean) keeps and scales it by 1 / (1 - rate), so that the expectation stays. */
export const dropout = (input: Value, keep: Value, rate: number): Value =>
  rate === 0 ? input : where(keep, scale(input, 1 / (1 - rate)), 0)

/** The same tensor, through which no gradient flows. */
export const stopGradient = (input: Value): Value => input.graph.detached(input)

export const where = (condition: Value, left: Operand, right: Operand): Value => {
  const [a, b] = pair(left, right)
  const shape = broadcast(condition.shape, broadcast(a.shape, b.shape))
  const [output] = graphOf(condition, a, b).emit('Where', [condition, a, b], [{ type: a.type, shape }])
  output.graph.record('Where', [a, b], [output], ([gradient]) =>
    gradient === undefined
      ? []
      : [sumTo(where(condition, gradient, 0), a.shape), sumTo(where(condition, 0, gradient), b.shape)],
  )
  return output
}

const comparison =
  (operator: string) =>
  (left: Operand, right: Operand): Value =>
    emitBinary(operator, ...pair(left, right), 'bool')

export const equal = comparison('Equal')
export const greater = comparison('Greater')
export const greaterOrEqual = comparison('GreaterOrEqual')
export const less = comparison('Less')
export const lessOrEqual = comparison('LessOrEqual')
export const and = (a: Value, b: Value): Value => emitBinary('And', a, b)
export const or = (a: Value, b: Value): Value => emitBinary('Or', a, b)
export const not = (input: Value): Value => input.graph.emit('Not', [input], [input])[0]
/** Remainder with the divisor's sign, as in Python; integers. */
export const mod = (left: Operand, right: Operand): Value => emitBinary('Mod', ...pair(left, right))

/** Floats to integers truncate towards zero. A gradient flows only from float to float, where nothing is emitted. */
export const cast = (input: Value, type: ElementType): Value => {
  if (input.type === type) return input
  const code = { float32: 1, int32: 6, int64: 7, bool: 9 }[type]
  return input.graph.emit('Cast', [input], [{ type, shape: input.shape }], { attributes: { to: code } })[0]
}
