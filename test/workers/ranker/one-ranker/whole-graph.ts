// All three steps in one graph on parameters that are an input, for tests that change them.

import type { GeneratorCatalogue } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { constantTable, itemsAt } from '../../../../workers/ranker/ega/token-vectors.ts'
import {
  itemVectors,
  taskScores,
  userVectors,
  valueScores,
} from '../../../../workers/ranker/one-ranker/dual-channel.ts'
import { generate } from '../../../../workers/ranker/one-ranker/hstu.ts'
import { interestStates } from '../../../../workers/ranker/one-ranker/interest-heads.ts'
import { rankCandidates, rankingMemory } from '../../../../workers/ranker/one-ranker/ranking-decoder.ts'
import { refine } from '../../../../workers/ranker/one-ranker/refinement.ts'
import { type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import {
  embedStream,
  type StreamHistory,
  streamInputs,
  streamTensors,
} from '../../../../workers/ranker/one-ranker/stream.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { parametersOf } from '../../../../workers/tensor/parameters.ts'
import { float32, int32, Session } from '../../../../workers/tensor/session.ts'

export const keep = (_place: string, value: Value) => value

export const streamValues = (graph: Graph, { historyLength }: OneRankerShape): Record<string, Value> => ({
  [streamInputs.items]: graph.input(streamInputs.items, 'int32', ['B', historyLength]),
  [streamInputs.isAd]: graph.input(streamInputs.isAd, 'float32', ['B', historyLength]),
  [streamInputs.context]: graph.input(streamInputs.context, 'int32', ['B', historyLength + 1]),
  [streamInputs.length]: graph.input(streamInputs.length, 'int32', ['B']),
})

function wholeGraph(shape: OneRankerShape, { items }: GeneratorCatalogue, candidates: number): Graph {
  const graph = new Graph()
  const layout = oneRankerLayout(shape)
  const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
  const table = constantTable(graph, 'item', { count: items.itemCount, ...items })
  const stream = embedStream(parameters, shape, table, streamValues(graph, shape), keep)
  const generated = generate(parameters, shape, stream, keep)
  const offered = itemsAt(parameters, shape, table, graph.input('candidates', 'int32', ['B', candidates]))
  const isAd = graph.input('isAd', 'float32', ['B', candidates])
  const outputs: Record<string, Value> = { ...generated }
  const refined = shape.refinement ? refine(parameters, shape, generated, keep) : undefined
  if (refined === undefined) outputs.interests = interestStates(parameters, shape, generated.last)
  else {
    const users = userVectors(parameters, shape, refined)
    const vectors = itemVectors(parameters, shape, offered)
    Object.assign(outputs, { tokens: refined.tokens, tasks: refined.tasks, users, offered, vectors })
    outputs.taskScores = taskScores(users, vectors)
    outputs.valueScores = valueScores(shape, users, vectors)
  }
  if (shape.ranking) {
    const memory = rankingMemory(parameters, shape, generated, refined, keep)
    outputs.f = rankCandidates(parameters, shape, memory, { items: offered, isAd }, keep)
  }
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value)
  return graph
}

export interface Asked {
  readonly histories: readonly StreamHistory[]
  /** By request, as many each. */
  readonly candidates: readonly (readonly number[])[]
  readonly isAd?: readonly (readonly number[])[]
}

export interface WholeModel {
  /** Outputs by name: of step 1 states, present, last; of step 2 tokens, tasks, users, ...; f of step 3. */
  run(parameters: Float32Array, asked: Asked): Promise<Record<string, Float32Array>>
  release(): Promise<void>
}

export async function wholeModel(
  shape: OneRankerShape,
  catalogue: GeneratorCatalogue,
  candidates = 3,
): Promise<WholeModel> {
  const session = await Session.create(writeModel(wholeGraph(shape, catalogue, candidates)), { threads: 1 })
  return {
    async run(parameters, asked) {
      const size = [asked.candidates.length, candidates]
      const outputs = await session.run({
        parameters: float32([parameters.length], parameters),
        ...streamTensors(shape, asked.histories),
        candidates: int32(size, asked.candidates.flat()),
        isAd: float32(size, (asked.isAd ?? asked.candidates.map((row) => row.map((item) => item % 2))).flat()),
      })
      return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
    },
    release: () => session.release(),
  }
}

/** Greatest difference of two arrays of one length. */
export const apart = (one: ArrayLike<number>, other: ArrayLike<number>): number => {
  if (one.length !== other.length) throw new Error(`${one.length} numbers beside ${other.length}`)
  return Array.from(one).reduce((most, value, index) => Math.max(most, Math.abs(value - other[index])), 0)
}
