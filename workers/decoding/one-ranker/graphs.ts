// OneRanker's graphs for asking it: one that goes from a history to the scores of candidates in one pass, and the same cut
// in two where a user is known, so that what was made of the history can be kept.

import type { Catalogue } from '../../ranker/catalogue.ts'
import { constantTable, itemsAt, type TokenTable } from '../../ranker/ega/token-vectors.ts'
import { channelWidth, userVectors } from '../../ranker/one-ranker/dual-channel.ts'
import { generate } from '../../ranker/one-ranker/hstu.ts'
import { interestStates } from '../../ranker/one-ranker/interest-heads.ts'
import {
  memoryFrom,
  memoryOutputs,
  memoryShapes,
  type RankingMemory,
  rankCandidates,
  rankingMemory,
} from '../../ranker/one-ranker/ranking-decoder.ts'
import { refine } from '../../ranker/one-ranker/refinement.ts'
import { type OneRankerShape, oneRankerLayout, taskCount } from '../../ranker/one-ranker/shape.ts'
import { embedStream, streamInputs } from '../../ranker/one-ranker/stream.ts'
import { Graph, type Value } from '../../tensor/graph.ts'
import { constantParameters, type Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'

export interface OneRankerParts {
  readonly shape: OneRankerShape
  readonly items: Catalogue
  /** In the order of `oneRankerLayout`. */
  readonly weights: Float32Array
}

/** What is put out of a user beside the memory of step 3. */
export const userOutputs = {
  /** e_user of every task [B, tasks, channelWidth], of a model with step 2. */
  vectors: 'user.vectors',
  /** States that the next items are predicted from [B, interestTokens, hiddenSize], of a model without. */
  interests: 'user.interests',
} as const

export const candidateInputs = {
  /** int32 [B, columns]. */
  item: 'candidate.item',
  /** float32 [B, columns]. */
  isAd: 'candidate.isAd',
} as const

/** f of each candidate, float32 [B, columns]. */
export const scoreOutput = 'score'

const keep = (_place: string, value: Value): Value => value

interface Scene {
  readonly graph: Graph
  readonly parameters: Parameters
  readonly table: TokenTable
}

const sceneOf = ({ shape, items, weights }: OneRankerParts): Scene => {
  const graph = new Graph()
  return {
    graph,
    parameters: constantParameters(graph, weights, oneRankerLayout(shape)),
    table: constantTable(graph, 'item', { count: items.itemCount, ...items }),
  }
}

interface User {
  readonly outputs: Readonly<Record<string, Value>>
  readonly memory: RankingMemory | undefined
}

/** Steps 1 and 2. */
const encodeUser = ({ graph, parameters, table }: Scene, shape: OneRankerShape): User => {
  const { historyLength } = shape
  const inputs = {
    [streamInputs.items]: graph.input(streamInputs.items, 'int32', ['B', historyLength]),
    [streamInputs.isAd]: graph.input(streamInputs.isAd, 'float32', ['B', historyLength]),
    [streamInputs.context]: graph.input(streamInputs.context, 'int32', ['B', historyLength + 1]),
    [streamInputs.length]: graph.input(streamInputs.length, 'int32', ['B']),
  }
  const generated = generate(parameters, shape, embedStream(parameters, shape, table, inputs, keep), keep)
  const refined = shape.refinement ? refine(parameters, shape, generated, keep) : undefined
  const memory = shape.ranking ? rankingMemory(parameters, shape, generated, refined, keep) : undefined
  const own =
    refined === undefined
      ? { [userOutputs.interests]: interestStates(parameters, shape, generated.last) }
      : { [userOutputs.vectors]: userVectors(parameters, shape, refined) }
  return { outputs: { ...own, ...(memory === undefined ? {} : memoryOutputs(memory)) }, memory }
}

/** Step 3 on candidates that the graph is given. */
const addRanking = (
  { graph, parameters, table }: Scene,
  shape: OneRankerShape,
  memory: RankingMemory,
  columns: number,
): void => {
  const item = graph.input(candidateInputs.item, 'int32', ['B', columns])
  const isAd = graph.input(candidateInputs.isAd, 'float32', ['B', columns])
  const items = itemsAt(parameters, shape, table, item)
  graph.output(scoreOutput, rankCandidates(parameters, shape, memory, { items, isAd }, keep))
}

const addOutputs = (graph: Graph, outputs: Readonly<Record<string, Value>>): void => {
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value)
}

/** Inputs: those of the stream. Outputs: what is to be known of a user, by the names of `userShapes`. */
export function encodingGraph(parts: OneRankerParts): Graph {
  const scene = sceneOf(parts)
  addOutputs(scene.graph, encodeUser(scene, parts.shape).outputs)
  return scene.graph
}

/** Inputs: the memory of users as `encodingGraph` put it out, and as many rows of candidates. Outputs: their scores. */
export function rankingGraph(parts: OneRankerParts, columns: number): Graph {
  const scene = sceneOf(parts)
  const { graph } = scene
  const shapes = Object.entries(memoryShapes(parts.shape, 'B'))
  const values = Object.fromEntries(shapes.map(([name, shape]) => [name, graph.input(name, 'float32', shape)]))
  addRanking(scene, parts.shape, memoryFrom(parts.shape, values), columns)
  return graph
}

/**
 * Both in one pass.
 * @param tellsUsers whether what is to be known of users is put out beside the scores
 */
export function wholeGraph(parts: OneRankerParts, columns: number, tellsUsers: boolean): Graph {
  const scene = sceneOf(parts)
  const { outputs, memory } = encodeUser(scene, parts.shape)
  if (memory === undefined) throw new TypeError('A model without step 3 ranks no candidates')
  if (tellsUsers) addOutputs(scene.graph, outputs)
  addRanking(scene, parts.shape, memory, columns)
  return scene.graph
}

/** Shapes of all that is known of so many users. */
export const userShapes = (shape: OneRankerShape, users: Dimension): Record<string, Dimension[]> => ({
  ...(shape.refinement
    ? { [userOutputs.vectors]: [users, taskCount(shape), channelWidth(shape)] }
    : { [userOutputs.interests]: [users, shape.interestTokens, shape.hiddenSize] }),
  ...(shape.ranking ? memoryShapes(shape, users) : {}),
})
