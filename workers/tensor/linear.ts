// Matrix products: Gemm for matrices, FusedMatMul for batches, so that no operand has to be transposed in memory.

import { reshape, sumTo } from './broadcasting.ts'
import { graphOf, type Value } from './graph.ts'
import { broadcast, type Dimension, type Shape, show } from './shapes.ts'

export interface ProductOptions {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  /** Factor of the product. */
  readonly alpha?: number
}

const resolved = (options: ProductOptions): Required<ProductOptions> => ({
  transposeA: false,
  transposeB: false,
  alpha: 1,
  ...options,
})

const matrixOf = (shape: Shape, transposed: boolean): [Dimension, Dimension] => {
  const [rows, columns] = shape.slice(-2)
  return transposed ? [columns, rows] : [rows, columns]
}

const productShape = (a: Value, b: Value, options: Required<ProductOptions>): [Dimension, Dimension] => {
  if (a.shape.length < 2 || b.shape.length < 2) throw new Error('A matrix product needs operands of rank 2 or more')
  const [rows, inner] = matrixOf(a.shape, options.transposeA)
  const [other, columns] = matrixOf(b.shape, options.transposeB)
  if (inner !== other)
    throw new Error(`Cannot multiply ${show(a.shape)} by ${show(b.shape)}: inner dimensions ${inner} and ${other}`)
  return [rows, columns]
}

type Multiply = (a: Value, b: Value, options: ProductOptions) => Value

/** Gradients of `alpha * op(a) op(b)`, as two products of the same kind. */
const productGradients = (
  multiply: Multiply,
  gradient: Value,
  a: Value,
  b: Value,
  { transposeA, transposeB, alpha }: Required<ProductOptions>,
): [Value, Value] => [
  transposeA
    ? multiply(b, gradient, { transposeA: transposeB, transposeB: true, alpha })
    : multiply(gradient, b, { transposeB: !transposeB, alpha }),
  transposeB
    ? multiply(gradient, a, { transposeA: true, transposeB: transposeA, alpha })
    : multiply(a, gradient, { transposeA: !transposeA, alpha }),
]

/** Batched product over the last two axes, `alpha * op(a) op(b)`; leading axes broadcast. */
export const matmul = (a: Value, b: Value, options: ProductOptions = {}): Value => {
  const chosen = resolved(options)
  const matrix = productShape(a, b, chosen)
  const shape = [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), ...matrix]
  const graph = graphOf(a, b)
  const plain = !chosen.transposeA && !chosen.transposeB && chosen.alpha === 1
  const attributes = {
    transA: Number(chosen.transposeA),
    transB: Number(chosen.transposeB),
    alpha: { float: chosen.alpha },
  }
  const [output] = plain
    ? graph.emit('MatMul', [a, b], [{ type: a.type, shape }])
    : graph.emit('FusedMatMul', [a, b], [{ type: a.type, shape }], { domain: 'com.microsoft', attributes })
  graph.record('MatMul', [a, b], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const [toA, toB] = productGradients(matmul, gradient, a, b, chosen)
    return [sumTo(toA, a.shape), sumTo(toB, b.shape)]
  })
  return output
}

/** `alpha * op(a) op(b) + c` of matrices; `c` broadcasts. */
export const gemm = (a: Value, b: Value, c?: Value, options: ProductOptions = {}): Value => {
  const chosen = resolved(options)
  const shape = productShape(a, b, chosen)
  if (a.shape.length !== 2 || b.shape.length !== 2) throw new Error('gemm takes matrices; use matmul or linear')
  const graph = graphOf(a, b, c)
  const attributes = {
    transA: Number(chosen.transposeA),
    transB: Number(chosen.transposeB),
    alpha: { float: chosen.alpha },
  }
  const operands = c === undefined ? [a, b] : [a, b, c]
  const [output] = graph.emit('Gemm', operands, [{ type: a.type, shape }], { attributes })
  graph.record('Gemm', operands, [output], ([gradient]) => {
    if (gradient === undefined) return []
    const product: Multiply = (left, right, flags) => gemm(left, right, undefined, flags)
    const toOperands = productGradients(product, gradient, a, b, chosen)
    return c === undefined ? toOperands : [...toOperands, sumTo(gradient, c.shape)]
  })
  return output
}

/**
 * `input @ weight + bias` over the last axis: input [..., in], weight [in, out], bias [out]. With `transposeB` the
 * weight is [out, in], for an output layer tied to an embedding.
 */
export const linear = (
  input: Value,
  weight: Value,
  bias?: Value,
  options: Omit<ProductOptions, 'transposeA'> = {},
): Value => {
  const features = input.shape[input.shape.length - 1]
  const rows = reshape(input, [-1, features])
  const output = gemm(rows, weight, bias, options)
  return reshape(output, [...input.shape.slice(0, -1), output.shape[1]])
}

/** Inner product over the last axis, kept with length 1: [..., d] and [d] give [..., 1]. */
export const dotLast = (input: Value, vector: Value): Value => {
  const rows = input.shape.length === 1 ? reshape(input, [1, -1]) : input
  return reshape(matmul(rows, reshape(vector, [-1, 1])), [...input.shape.slice(0, -1), 1])
}
