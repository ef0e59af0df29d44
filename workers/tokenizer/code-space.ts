// From features to the space in which codebooks lie, and back. Residual k-means clusters the features themselves; an
// RQ-VAE and RQ-k-means+ what their encoder makes of them. Everything that compares features with codebooks goes through here.

import { Graph } from '../tensor/graph.ts'
import { writeModel } from '../tensor/onnx-writer.ts'
import { parametersOf } from '../tensor/parameters.ts'
import { float32, Session } from '../tensor/session.ts'
import { type Autoencoder, type AutoencoderShape, autoencoderLayout, perceptron } from './autoencoder.ts'
import { scaleInputs, unscaleInputs } from './input-scale.ts'

/** Rows of one run: bounds the memory of hidden layers. */
const blockRows = 4096

/** One half of the network for any weights of the shape. */
export interface NetworkHalf {
  /** weights in the order of `autoencoderLayout`, input [n, width], result [n, other width]. */
  apply(weights: Float32Array, input: Float32Array): Promise<Float32Array>
  release(): Promise<void>
}

/** One thread: how ONNX Runtime cuts a product among threads can change its last bits, and with them a code. */
export async function openHalf(part: 'encoder' | 'decoder', shape: AutoencoderShape): Promise<NetworkHalf> {
  const layout = autoencoderLayout(shape)
  const ends = [shape.dimensions, shape.latentDimensions]
  const [from, to] = part === 'encoder' ? ends : ends.reverse()
  const graph = new Graph()
  const weights = graph.input('weights', 'float32', [layout.size])
  const input = graph.input('input', 'float32', ['n', from])
  graph.output('output', perceptron(part, shape, parametersOf(weights, layout), input))
  const session = await Session.create(writeModel(graph), { threads: 1 })
  return {
    async apply(flat, points) {
      const rows = points.length / from
      const output = new Float32Array(rows * to)
      for (let start = 0; start < rows; start += blockRows) {
        const end = Math.min(rows, start + blockRows)
        const tensors = {
          weights: float32([layout.size], flat),
          input: float32([end - start, from], points.subarray(start * from, end * from)),
        }
        output.set((await session.run(tensors)).output.data as Float32Array, start * to)
      }
      return output
    },
    release: () => session.release(),
  }
}

async function applyHalf(part: 'encoder' | 'decoder', network: Autoencoder, input: Float32Array) {
  const half = await openHalf(part, network)
  try {
    return await half.apply(network.weights, input)
  } finally {
    await half.release()
  }
}

/** Points [n, dimensions of the codebooks] of features [n, dimensions]; the features themselves without a network. */
export const toCodeSpace = async (features: Float32Array, network: Autoencoder | undefined): Promise<Float32Array> =>
  network === undefined ? features : applyHalf('encoder', network, scaleInputs(features, network.scale))

/** Features [n, dimensions] that points of the code space stand for. */
export const fromCodeSpace = async (points: Float32Array, network: Autoencoder | undefined): Promise<Float32Array> =>
  network === undefined ? points : unscaleInputs(await applyHalf('decoder', network, points), network.scale)
