import type { GeneratorCatalogue } from '../../../../workers/ranker/ega/pretraining.ts'
import { constantTable, itemsAt } from '../../../../workers/ranker/ega/token-vectors.ts'
import { itemVectors, userVectors, valueScores } from '../../../../workers/ranker/one-ranker/dual-channel.ts'
import { generate } from '../../../../workers/ranker/one-ranker/hstu.ts'
import { interestStates } from '../../../../workers/ranker/one-ranker/interest-heads.ts'
import { rankCandidates, rankingMemory } from '../../../../workers/ranker/one-ranker/ranking-decoder.ts'
import { refine } from '../../../../workers/ranker/one-ranker/refinement.ts'
import { type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { embedStream, streamInputs } from '../../../../workers/ranker/one-ranker/stream.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { parametersOf } from '../../../../workers/tensor/parameters.ts'

const keep = (_place: string, value: Value) => value

/** All steps on a batch of any size, candidates [B, n]; outputs by name what each step gives. */
export function wholeGraph(shape: OneRankerShape, { items }: GeneratorCatalogue, candidates: number): Graph {
  const graph = new Graph()
  const layout = oneRankerLayout(shape)
  const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
  const table = constantTable(graph, 'item', { count: items.itemCount, ...items })
  const inputs = {
    [streamInputs.items]: graph.input(streamInputs.items, 'int32', ['B', shape.historyLength]),
    [streamInputs.isAd]: graph.input(streamInputs.isAd, 'float32', ['B', shape.historyLength]),
    [streamInputs.context]: graph.input(streamInputs.context, 'int32', ['B', shape.historyLength + 1]),
    [streamInputs.length]: graph.input(streamInputs.length, 'int32', ['B']),
  }
  const generated = generate(parameters, shape, embedStream(parameters, shape, table, inputs, keep), keep)
  graph.output('states', generated.states)
  graph.output('present', generated.present)
  graph.output('last', generated.last)
  const refined = shape.refinement ? refine(parameters, shape, generated, keep) : undefined
  const offered = itemsAt(parameters, shape, table, graph.input('candidates', 'int32', ['B', candidates]))
  if (refined === undefined) graph.output('interests', interestStates(parameters, shape, generated.last))
  else {
    graph.output('tokens', refined.tokens)
    graph.output('tasks', refined.tasks)
    const users = userVectors(parameters, shape, refined)
    graph.output('users', users)
    const enhanced = itemVectors(parameters, shape, offered)
    graph.output('items', enhanced)
    graph.output('value', valueScores(shape, users, enhanced))
  }
  if (shape.ranking) {
    const memory = rankingMemory(parameters, shape, generated, refined, keep)
    const isAd = graph.input('candidates.isAd', 'float32', ['B', candidates])
    graph.output('f', rankCandidates(parameters, shape, memory, { items: offered, isAd }, keep))
  }
  return graph
}
