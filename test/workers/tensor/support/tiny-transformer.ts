// A small decoder in the graph's operators: the model of the tests that need a whole training step.

import type { Value } from '../../../../workers/tensor/graph.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import { type ParameterSpec, type Parameters, parameterLayout } from '../../../../workers/tensor/parameters.ts'
import type { TrainingModel } from '../../../../workers/tensor/training-step.ts'

export interface TransformerSizes {
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly inner: number
  readonly vocabulary: number
  readonly batch: number
  readonly length: number
}

const layerSpecs = (layer: number, { width, inner }: TransformerSizes): ParameterSpec[] => [
  { name: `${layer}.norm1.scale`, shape: [width], initial: 'ones' },
  { name: `${layer}.norm1.bias`, shape: [width], initial: 'zeros' },
  { name: `${layer}.qkv`, shape: [width, 3 * width], initial: 'xavier' },
  { name: `${layer}.qkv.bias`, shape: [3 * width], initial: 'zeros' },
  { name: `${layer}.out`, shape: [width, width], initial: 'xavier' },
  { name: `${layer}.out.bias`, shape: [width], initial: 'zeros' },
  { name: `${layer}.norm2.scale`, shape: [width], initial: 'ones' },
  { name: `${layer}.norm2.bias`, shape: [width], initial: 'zeros' },
  { name: `${layer}.up`, shape: [width, inner], initial: 'xavier' },
  { name: `${layer}.up.bias`, shape: [inner], initial: 'zeros' },
  { name: `${layer}.down`, shape: [inner, width], initial: 'xavier' },
  { name: `${layer}.down.bias`, shape: [width], initial: 'zeros' },
]

const attention = (
  x: Value,
  p: Parameters,
  layer: number,
  { width, heads, batch, length }: TransformerSizes,
): Value => {
  const qkv = op.linear(x, p(`${layer}.qkv`), p(`${layer}.qkv.bias`))
  const split = op.transpose(op.reshape(qkv, [batch, length, 3 * heads, width / heads]), [0, 2, 1, 3])
  const [query, key, value] = op.split(split, 1, [heads, heads, heads])
  const future = Float32Array.from({ length: length * length }, (_, at) =>
    at % length > Math.floor(at / length) ? -1e9 : 0,
  )
  const mask = x.graph.constant('float32', [length, length], future)
  const scores = op.add(op.matmul(query, key, { transposeB: true, alpha: 1 / Math.sqrt(width / heads) }), mask)
  const mixed = op.matmul(op.softmax(scores), value)
  const joined = op.reshape(op.transpose(mixed, [0, 2, 1, 3]), [batch, length, width])
  return op.linear(joined, p(`${layer}.out`), p(`${layer}.out.bias`))
}

/** Inputs: ids and labels int32 [batch, length], weights float32 [batch * length]. */
export const tinyTransformer = (sizes: TransformerSizes, activation = op.quickGelu): TrainingModel => {
  const { layers, width, vocabulary, batch, length } = sizes
  const layout = parameterLayout([
    { name: 'tokens', shape: [vocabulary, width], initial: { normal: 0.1 } },
    { name: 'positions', shape: [length, width], initial: { normal: 0.1 } },
    ...Array.from({ length: layers }, (_, layer) => layerSpecs(layer, sizes)).flat(),
    { name: 'head', shape: [width, vocabulary], initial: 'xavier' },
  ])
  const loss: TrainingModel['loss'] = (p, { ids, labels, weights }) => {
    let x = op.add(op.gather(p('tokens'), ids), p('positions'))
    for (let layer = 0; layer < layers; layer++) {
      const norm1 = op.layerNorm(x, p(`${layer}.norm1.scale`), p(`${layer}.norm1.bias`))
      x = op.add(x, attention(norm1, p, layer, sizes))
      const norm2 = op.layerNorm(x, p(`${layer}.norm2.scale`), p(`${layer}.norm2.bias`))
      const hidden = activation(op.linear(norm2, p(`${layer}.up`), p(`${layer}.up.bias`)))
      x = op.add(x, op.linear(hidden, p(`${layer}.down`), p(`${layer}.down.bias`)))
    }
    const logits = op.linear(op.reshape(x, [batch * length, width]), p('head'))
    return { loss: op.softmaxCrossEntropy(logits, op.reshape(labels, [-1]), weights) }
  }
  return {
    layout,
    inputs: {
      ids: { type: 'int32', shape: [batch, length] },
      labels: { type: 'int32', shape: [batch, length] },
      weights: { type: 'float32', shape: [batch * length] },
    },
    loss,
  }
}
