// A loop of a fixed number of rounds inside one run of a graph.

import { type ElementType, Graph, type Value } from './graph.ts'
import { type Shape, sameShape, show } from './shapes.ts'

export interface LoopRound {
  /** What the next round starts with; types and shapes as at the start. */
  readonly carried: readonly Value[]
  /** What is kept of every round, stacked along a new first axis. */
  readonly collected?: readonly Value[]
}

export interface LoopResult {
  readonly carried: Value[]
  readonly collected: Value[]
}

const checkCarried = (start: readonly Value[], next: readonly Value[]): void => {
  for (const [index, value] of start.entries()) {
    const after = next[index]
    if (after?.type !== value.type || !sameShape(after.shape, value.shape))
      throw new Error(`Loop value ${index} starts as ${value.type} ${show(value.shape)} and must stay so`)
  }
}

/** Runs `round` `count` times. Gradients may be taken inside a round, not through the loop. */
export const loop = (
  graph: Graph,
  count: number,
  start: readonly Value[],
  round: (iteration: Value, carried: readonly Value[], body: Graph) => LoopRound,
): LoopResult => {
  const body = new Graph(graph)
  const iteration = body.input('iteration', 'int64', [])
  const goesOn = body.input('condition', 'bool', [])
  const carried = start.map((value, index) => body.input(`carried${index}`, value.type, value.shape))
  const result = round(iteration, carried, body)
  checkCarried(start, result.carried)
  const collected = result.collected ?? []
  body.output('condition_out', goesOn)
  for (const [index, value] of [...result.carried, ...collected].entries()) body.output(`result${index}`, value)
  const types: { type: ElementType; shape: Shape }[] = [
    ...start.map(({ type, shape }) => ({ type, shape })),
    ...collected.map(({ type, shape }) => ({ type, shape: [count, ...shape] })),
  ]
  const inputs = [graph.scalar(count, 'int64'), graph.constant('bool', [], [1]), ...start]
  const outputs = graph.emit('Loop', inputs, types, { attributes: { body: { graph: body } } })
  graph.record('Loop', start, outputs)
  return { carried: outputs.slice(0, start.length), collected: outputs.slice(start.length) }
}
