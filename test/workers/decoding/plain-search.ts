// The search as a textbook has it: one run of a small graph for every step, tries and sorting on the host.

import type { DecodeRequest } from '../../../workers/decoding/decoder.ts'
import { ItemTable } from '../../../workers/decoding/item-table.ts'
import { positionsOf, type RankerShape, rankerLayout } from '../../../workers/ranker/architecture.ts'
import { encode } from '../../../workers/ranker/backbone.ts'
import type { Catalogue } from '../../../workers/ranker/catalogue.ts'
import { Graph, type Value } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import { constantParameters, unpack } from '../../../workers/tensor/parameters.ts'
import { float32, Session, type Tensors } from '../../../workers/tensor/session.ts'

export interface PlainModel {
  readonly shape: RankerShape
  readonly catalogue: Catalogue
  readonly parameters: Float32Array
}

export interface PlainResult {
  readonly item: number
  readonly score: number
}

const runOnce = async (inputs: Tensors, build: (graph: Graph) => Value): Promise<Float32Array> => {
  const graph = new Graph()
  graph.output('result', build(graph))
  const session = await Session.create(writeModel(graph), { threads: 1 })
  try {
    return (await session.run(inputs)).result.data as Float32Array
  } finally {
    await session.release()
  }
}

/** The state after the recent history, which here is given at its true length, without padding. */
const stateAfter = async (
  { shape, catalogue, parameters }: PlainModel,
  history: Uint32Array,
): Promise<Float32Array> => {
  const table = await ItemTable.create(shape, catalogue, 1)
  const vectors = await table.vectors(parameters)
  await table.release()
  const recent = [...history.subarray(-(positionsOf(shape) - 1))]
  const { hiddenSize } = shape
  const rows = Float32Array.from(
    recent.flatMap((item) => [...vectors.subarray(item * hiddenSize, (item + 1) * hiddenSize)]),
  )
  const inputs: Tensors = recent.length === 0 ? {} : { items: float32([1, recent.length, hiddenSize], rows) }
  const states = await runOnce(inputs, (graph) => {
    const items = recent.length === 0 ? undefined : graph.input('items', 'float32', [1, recent.length, hiddenSize])
    const weights = constantParameters(graph, parameters, rankerLayout(shape))
    return encode(weights, shape, items, { batch: 1, positions: recent.length + 1 })
  })
  return states.slice(-hiddenSize)
}

interface Beam {
  readonly path: readonly number[]
  readonly state: readonly number[]
  readonly score: number
}

const logSoftmax = (logits: readonly number[]): number[] => {
  const largest = Math.max(...logits)
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
  return logits.map((logit) => logit - largest - total)
}

const dot = (a: readonly number[], b: ArrayLike<number>): number =>
  a.reduce((sum, value, index) => sum + value * b[index], 0)

/** The code decoder in double arithmetic, from the named weights. */
const plainDecoder = ({ shape, catalogue, parameters }: PlainModel) => {
  const weights = unpack(parameters, rankerLayout(shape))
  const weight = (name: string): number[] => [...(weights.get(name) ?? [])]
  const rowOf = (values: readonly number[], row: number, width: number) => values.slice(row * width, (row + 1) * width)
  const normalize = (name: string, state: readonly number[]): number[] => {
    const mean = state.reduce((sum, value) => sum + value, 0) / state.length
    const variance = state.reduce((sum, value) => sum + (value - mean) ** 2, 0) / state.length
    const [scale, bias] = [weight(`${name}.scale`), weight(`${name}.bias`)]
    return state.map((value, index) => ((value - mean) / Math.sqrt(variance + 1e-5)) * scale[index] + bias[index])
  }
  const project = (name: string, state: readonly number[]): number[] => {
    const [matrix, bias] = [weight(`${name}.weight`), weight(`${name}.bias`)]
    return bias.map((start, column) =>
      state.reduce((sum, value, row) => sum + value * matrix[row * bias.length + column], start),
    )
  }
  /** Mean over items of their features in the catalogue's directions. */
  const contentOf = (items: readonly number[]): number[] => {
    const { features, featureDimensions } = catalogue
    const { dimensions, directions } = catalogue.projection
    const mean = Array.from({ length: featureDimensions }, (_, feature) =>
      items.reduce((sum, item) => sum + features[item * featureDimensions + feature] / items.length, 0),
    )
    return Array.from({ length: dimensions }, (_, column) =>
      dot(
        mean,
        mean.map((_value, feature) => directions[feature * dimensions + column]),
      ),
    )
  }
  return {
    score(level: number, state: readonly number[], code: number, itemsBelow: readonly number[]): number {
      const normal = normalize(`level.${level}.norm`, state)
      const matrix = weight(`level.${level}.content`)
      const content = contentOf(itemsBelow)
      const byContent = normal.reduce(
        (sum, value, row) => sum + value * dot(content, rowOf(matrix, row, content.length)),
        0,
      )
      return (
        dot(normal, rowOf(weight(`item.code.${level}`), code, state.length)) +
        weight(`level.${level}.bias`)[code] +
        byContent
      )
    },
    next(level: number, state: readonly number[], code: number): number[] {
      const embedding = rowOf(weight(`level.${level}.chosen`), code, state.length)
      const chosen = state.map((value, index) => value + embedding[index])
      const inner = project(`level.${level}.next.inner`, normalize(`level.${level}.next.norm`, chosen))
      const active = inner.map((value) => value / (1 + Math.exp(-1.702 * value)))
      const outer = project(`level.${level}.next.outer`, active)
      return chosen.map((value, index) => value + outer[index])
    },
  }
}

export const plainSearch = async (
  model: PlainModel,
  request: DecodeRequest,
  beamSize: number,
): Promise<PlainResult[]> => {
  const { codes, levels, itemCount } = model.catalogue
  const paths = Array.from({ length: itemCount }, (_, item) => [...codes.subarray(item * levels, (item + 1) * levels)])
  const excluded = new Set(request.excluded)
  const candidates = new Set(request.candidates ?? paths.keys())
  const isEligible = (item: number) => candidates.has(item) && !excluded.has(item)
  const below = (prefix: readonly number[]) =>
    [...paths.keys()].filter((item) => prefix.every((code, level) => paths[item][level] === code))
  const decoder = plainDecoder(model)
  let beams: Beam[] = [{ path: [], state: [...(await stateAfter(model, request.history))], score: 0 }]
  for (let level = 0; level < levels; level++) {
    const extended = beams.flatMap(({ path, state, score }) => {
      const present = [...new Set(below(path).map((item) => paths[item][level]))]
      const scores = present.map((code) => decoder.score(level, state, code, below([...path, code])))
      return logSoftmax(scores).map((probability, index) => ({
        path: [...path, present[index]],
        state,
        score: score + probability,
      }))
    })
    const best = extended
      .filter(({ path }) => below(path).some(isEligible))
      .sort((a, b) => b.score - a.score)
      .slice(0, beamSize)
    beams =
      level === levels - 1
        ? best
        : best.map((beam) => ({ ...beam, state: decoder.next(level, beam.state, beam.path[level]) }))
  }
  return beams.map(({ path, score }) => ({ item: below(path)[0], score }))
}
