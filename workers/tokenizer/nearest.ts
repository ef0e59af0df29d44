import { Graph } from '../tensor/graph.ts'
import { writeModel } from '../tensor/onnx-writer.ts'
import { float32, Session } from '../tensor/session.ts'

export interface Assignment {
  /** Nearest centroid of each point; among equals the first. */
  readonly codes: Uint16Array
  /** Squared distance to it. */
  readonly distances: Float32Array
}

/** Finds nearest centroids by blocked matrix products in ONNX Runtime. */
export interface NearestCentroids {
  /** points [n, dimensions], centroids [k, dimensions]; k at most 65,536. */
  find(points: Float32Array, centroids: Float32Array): Promise<Assignment>
  release(): Promise<void>
}

/** Scores held at once, 4 bytes each. */
const blockScores = 1 << 20

const squaredNorms = (matrix: Float32Array, dimensions: number): Float32Array => {
  const norms = new Float32Array(matrix.length / dimensions)
  for (let row = 0; row < norms.length; row++) {
    let sum = 0
    for (let index = row * dimensions; index < (row + 1) * dimensions; index++) sum += matrix[index] * matrix[index]
    norms[row] = sum
  }
  return norms
}

/** `|c|^2 - 2 x c`, its least over the centroids, and where: |x|^2 is the same for all centroids. */
function nearestGraph(dimensions: number): Graph {
  const graph = new Graph()
  const points = graph.input('points', 'float32', ['n', dimensions])
  const centroids = graph.input('centroids', 'float32', ['k', dimensions])
  const norms = graph.input('norms', 'float32', ['k'])
  const [scores] = graph.emit('Gemm', [points, centroids, norms], [{ type: 'float32', shape: ['n', 'k'] }], {
    attributes: { alpha: { float: -2 }, beta: { float: 1 }, transB: 1 },
  })
  const [codes] = graph.emit('ArgMin', [scores], [{ type: 'int64', shape: ['n'] }], {
    attributes: { axis: 1, keepdims: 0 },
  })
  const axes = graph.constant('int64', [1], [1])
  const [least] = graph.emit('ReduceMin', [scores, axes], [{ type: 'float32', shape: ['n'] }], {
    attributes: { keepdims: 0 },
  })
  const [narrow] = graph.emit('Cast', [codes], [{ type: 'int32', shape: ['n'] }], { attributes: { to: 6 } })
  graph.output('codes', narrow)
  graph.output('least', least)
  return graph
}

/** One thread: how ONNX Runtime cuts a product among threads can change its last bits, and with them a code. */
export async function createNearestCentroids(dimensions: number): Promise<NearestCentroids> {
  const session = await Session.create(writeModel(nearestGraph(dimensions)), { threads: 1 })
  return {
    async find(points, centroids) {
      const count = points.length / dimensions
      const size = centroids.length / dimensions
      const norms = squaredNorms(points, dimensions)
      const feeds = {
        centroids: float32([size, dimensions], centroids),
        norms: float32([size], squaredNorms(centroids, dimensions)),
      }
      const codes = new Uint16Array(count)
      const distances = new Float32Array(count)
      const block = Math.max(1, Math.floor(blockScores / size))
      for (let start = 0; start < count; start += block) {
        const end = Math.min(count, start + block)
        const part = points.subarray(start * dimensions, end * dimensions)
        const found = await session.run({ ...feeds, points: float32([end - start, dimensions], part) })
        codes.set(found.codes.data as Int32Array, start)
        const least = found.least.data as Float32Array
        for (let index = start; index < end; index++)
          distances[index] = Math.max(0, norms[index] + least[index - start])
      }
      return { codes, distances }
    },
    release: () => session.release(),
  }
}
