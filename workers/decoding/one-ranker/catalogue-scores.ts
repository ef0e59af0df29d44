// Scores of the whole catalogue by every head: exact, as one inner product for each item, or through the tree of semantic
// ids, whose softmax over all items is what a beam over the codes approaches.

import { catalogueHead } from '../../ranker/ega/whole-catalogue.ts'
import type { OneRankerAuction } from '../../ranker/one-ranker/artifact.ts'
import { channelWidth, taskScores, valueVector } from '../../ranker/one-ranker/dual-channel.ts'
import { type OneRankerShape, oneRankerLayout, taskCount } from '../../ranker/one-ranker/shape.ts'
import { Graph, type Value } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import * as op from '../../tensor/operators.ts'
import { constantParameters } from '../../tensor/parameters.ts'
import { openRunner, type Runner, type RunnerOptions } from '../../tensor/runner.ts'
import { float32 } from '../../tensor/session.ts'
import { type OneRankerParts, userOutputs } from './graphs.ts'
import type { ItemSide } from './item-side.ts'
import type { EncodedUser } from './user-cache.ts'

export type CandidateRoute = OneRankerAuction['candidateRoute']

/** The interests in their order, and last of a model with step 2 its value tokens together. */
export const headCount = ({ interestTokens, refinement }: OneRankerShape): number =>
  interestTokens + (refinement ? 1 : 0)

/** Scores of a run at most: they bound its memory. */
const scoresOfRun = 2 ** 23

/** Log-probabilities of all items by state, [B, states, hiddenSize] to [B, states, items]. */
const byTree = (graph: Graph, { shape, items, weights }: OneRankerParts, states: Value): Value => {
  const [groups, count] = states.shape
  const parameters = constantParameters(graph, weights, oneRankerLayout(shape))
  const rows = op.reshape(states, [1, -1, shape.hiddenSize])
  const leaves = op.reshape(catalogueHead(graph, parameters, shape, items)(rows), [groups, count, items.itemCount])
  const leafOf = new Int32Array(items.itemCount)
  for (const [leaf, item] of items.trie.leafItem.entries()) leafOf[item] = leaf
  return op.gather(leaves, graph.constant('int32', [items.itemCount], leafOf), 2)
}

/** Input: vectors of users, or their interests. Output: scores [B, heads, items]. */
function scoresGraph(parts: OneRankerParts, side: ItemSide, route: CandidateRoute): Graph {
  const { shape, items } = parts
  const { interestTokens, valueTokens, hiddenSize, refinement } = shape
  const graph = new Graph()
  if (!refinement) {
    const states = graph.input(userOutputs.interests, 'float32', ['B', interestTokens, hiddenSize])
    graph.output('scores', byTree(graph, parts, states))
    return graph
  }
  const users = graph.input(userOutputs.vectors, 'float32', ['B', taskCount(shape), channelWidth(shape)])
  if (route === 'InnerProduct') {
    const interests = op.slice(users, 1, 0, interestTokens)
    const value = op.reshape(valueVector(shape, users), ['B', 1, side.width])
    const table = graph.constant('float32', [items.itemCount, side.width], side.enhanced)
    graph.output('scores', taskScores(op.concat([interests, value], 1), table))
    return graph
  }
  const scores = byTree(graph, parts, op.slice(users, 2, 0, hiddenSize))
  const [ofInterests, ofValues] = op.split(scores, 1, [interestTokens, valueTokens])
  graph.output('scores', op.concat([ofInterests, op.reduceMean(ofValues, [1], true)], 1))
  return graph
}

export class CatalogueScores {
  readonly #parts: OneRankerParts
  readonly #runner: Runner

  private constructor(parts: OneRankerParts, runner: Runner) {
    this.#parts = parts
    this.#runner = runner
  }

  static async create(
    parts: OneRankerParts,
    side: ItemSide,
    { route, ...where }: RunnerOptions & { readonly route: CandidateRoute },
  ): Promise<CatalogueScores> {
    return new CatalogueScores(parts, await openRunner(writeModel(scoresGraph(parts, side, route)), where))
  }

  /** By user and head, [items]. Tells them user by user, so that nobody holds the scores of all. */
  async *scores(users: readonly EncodedUser[]): AsyncGenerator<Float32Array[]> {
    const { shape, items } = this.#parts
    const heads = headCount(shape)
    const atOnce = Math.max(1, Math.floor(scoresOfRun / (heads * items.itemCount)))
    for (let from = 0; from < users.length; from += atOnce) {
      const batch = users.slice(from, from + atOnce)
      const { scores } = await this.#runner.run(inputOf(shape, batch))
      for (const row of batch.keys())
        yield Array.from({ length: heads }, (_, head) => {
          const at = row * heads + head
          return (scores.data as Float32Array).subarray(at * items.itemCount, (at + 1) * items.itemCount)
        })
    }
  }

  release(): Promise<void> {
    return this.#runner.release()
  }
}

const inputOf = (shape: OneRankerShape, users: readonly EncodedUser[]) => {
  const name = shape.refinement ? userOutputs.vectors : userOutputs.interests
  const rows = shape.refinement ? taskCount(shape) : shape.interestTokens
  const width = shape.refinement ? channelWidth(shape) : shape.hiddenSize
  const data = new Float32Array(users.length * rows * width)
  for (const [row, user] of users.entries()) data.set(user[name], row * rows * width)
  return { [name]: float32([users.length, rows, width], data) }
}
