// Layer and root-mean-square normalisation over the last axis, with closed-form gradients that reuse the statistics of
// the forward kernel. Those statistics have no rule of their own, so a second derivative is refused, not wrong.

import { sumTo } from './broadcasting.ts'
import { mul, scale as scaled, sub } from './elementwise.ts'
import { graphOf, type Value } from './graph.ts'
import { dotLast } from './linear.ts'

const lengthOf = (input: Value): number => {
  const length = input.shape[input.shape.length - 1]
  if (typeof length === 'string') throw new Error(`Cannot normalise over the symbolic dimension ${length}`)
  return length
}

/** `(x - mean) / sqrt(variance + epsilon) * scale + bias` over the last axis. */
export const layerNorm = (input: Value, scale: Value, bias: Value, epsilon = 1e-5): Value => {
  const length = lengthOf(input)
  const graph = graphOf(input, scale, bias)
  const statistic = { type: 'float32' as const, shape: [...input.shape.slice(0, -1), 1] }
  const [output, mean, inverse] = graph.emit(
    'LayerNormalization',
    [input, scale, bias],
    [input, statistic, statistic],
    {
      attributes: { axis: -1, epsilon: { float: epsilon } },
    },
  )
  graph.record('second derivative of LayerNormalization', [input], [mean, inverse])
  graph.record('LayerNormalization', [input, scale, bias], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const normal = mul(sub(input, mean), inverse)
    const product = mul(gradient, normal)
    const share = scaled(scale, 1 / length)
    const centred = sub(sub(mul(gradient, scale), dotLast(gradient, share)), mul(normal, dotLast(product, share)))
    return [mul(centred, inverse), sumTo(product, scale.shape), sumTo(gradient, bias.shape)]
  })
  return output
}

/** `x / sqrt(mean(x^2) + epsilon) * scale` over the last axis. CPU only: WebGPU's inverse deviation is wrong. */
export const rmsNorm = (input: Value, scale: Value, epsilon = 1e-5): Value => {
  const length = lengthOf(input)
  const graph = graphOf(input, scale)
  const statistic = { type: 'float32' as const, shape: [...input.shape.slice(0, -1), 1] }
  const [output, inverse] = graph.emit('SimplifiedLayerNormalization', [input, scale], [input, statistic], {
    attributes: { axis: -1, epsilon: { float: epsilon } },
  })
  graph.record('second derivative of SimplifiedLayerNormalization', [input], [inverse])
  graph.record('SimplifiedLayerNormalization', [input, scale], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const normal = mul(input, inverse)
    const product = mul(gradient, normal)
    const centred = sub(mul(gradient, scale), mul(normal, dotLast(product, scaled(scale, 1 / length))))
    return [mul(centred, inverse), sumTo(product, scale.shape)]
  })
  return output
}
