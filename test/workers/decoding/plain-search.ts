// The search as a textbook has it: one run of a small graph for every step, tries and sorting on the host.

import type { DecodeRequest } from '../../../workers/decoding/decoder.ts'
import { ItemTable } from '../../../workers/decoding/item-table.ts'
import { positionsOf, type RankerShape, rankerLayout } from '../../../workers/ranker/architecture.ts'
import { encode } from '../../../workers/ranker/backbone.ts'
import type { Catalogue } from '../../../workers/ranker/catalogue.ts'
import { codeLogits, nextState } from '../../../workers/ranker/code-decoder.ts'
import { Graph, type Value } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../../workers/tensor/parameters.ts'
import { float32, int32, Session, type Tensors } from '../../../workers/tensor/session.ts'

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
  readonly state: Float32Array
  readonly score: number
}

const logSoftmax = (logits: readonly number[]): number[] => {
  const largest = Math.max(...logits)
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
  return logits.map((logit) => logit - largest - total)
}

export const plainSearch = async (
  model: PlainModel,
  request: DecodeRequest,
  beamSize: number,
): Promise<PlainResult[]> => {
  const { shape, catalogue, parameters } = model
  const { codes, levels, itemCount } = catalogue
  const paths = Array.from({ length: itemCount }, (_, item) => [...codes.subarray(item * levels, (item + 1) * levels)])
  const excluded = new Set(request.excluded)
  const candidates = new Set(request.candidates ?? paths.keys())
  const startsWith = (path: readonly number[], prefix: readonly number[]) =>
    prefix.every((code, level) => path[level] === code)
  const eligible = paths.filter((_, item) => candidates.has(item) && !excluded.has(item))
  const vector = { hidden: [1, shape.hiddenSize] as const }
  let beams: Beam[] = [{ path: [], state: await stateAfter(model, request.history), score: 0 }]
  for (let level = 0; level < levels; level++) {
    const extended: Beam[] = []
    for (const { path, state, score } of beams) {
      const inputs = { state: float32(vector.hidden, state) }
      const logits = await runOnce(inputs, (graph) =>
        codeLogits(
          constantParameters(graph, parameters, rankerLayout(shape)),
          level,
          graph.input('state', 'float32', vector.hidden),
        ),
      )
      const present = [...new Set(paths.filter((each) => startsWith(each, path)).map((each) => each[level]))]
      const probabilities = logSoftmax(present.map((code) => logits[code]))
      for (const [index, code] of present.entries()) {
        const longer = [...path, code]
        if (eligible.some((each) => startsWith(each, longer)))
          extended.push({ path: longer, state, score: score + probabilities[index] })
      }
    }
    beams = extended.sort((a, b) => b.score - a.score).slice(0, beamSize)
    if (level === levels - 1) break
    beams = await Promise.all(
      beams.map(async (beam) => {
        const code = beam.path[level]
        const inputs = { state: float32(vector.hidden, beam.state), code: int32([1], [code]) }
        const state = await runOnce(inputs, (graph) =>
          nextState(
            constantParameters(graph, parameters, rankerLayout(shape)),
            level,
            graph.input('state', 'float32', vector.hidden),
            graph.input('code', 'int32', [1]),
          ),
        )
        return { ...beam, state }
      }),
    )
  }
  return beams.map(({ path, score }) => ({ item: paths.findIndex((each) => startsWith(each, path)), score }))
}
