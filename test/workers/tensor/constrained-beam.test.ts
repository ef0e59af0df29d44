// The index arithmetic of a trie-constrained beam, as one graph with a symbolic batch, against a plain search: it shows
// that the operators suffice for a decoding graph and what shapes they infer.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Graph, type Value } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { float32, Session } from '../../../workers/tensor/session.ts'
import { seeds } from './support/gradient-check.ts'

const levels = 3
const width = 4
const beams = 5
const impossible = -1e30

/** Compressed rows: the children of node n are start[n] to start[n + 1]. */
interface Trie {
  readonly start: number[]
  readonly token: number[]
  readonly child: number[]
}

const trieOf = (items: readonly (readonly number[])[]): Trie => {
  const start = [0]
  const token: number[] = []
  const child: number[] = []
  let frontier: (readonly number[])[][] = [[...items]]
  let nodes = 1
  for (let level = 0; level < levels; level++) {
    const next: (readonly number[])[][] = []
    for (const members of frontier) {
      for (let code = 0; code < width; code++) {
        const below = members.filter((item) => item[level] === code)
        if (below.length === 0) continue
        token.push(code)
        child.push(nodes++)
        next.push(below)
      }
      start.push(token.length)
    }
    frontier = next
  }
  for (let leaf = start.length; leaf <= nodes; leaf++) start.push(token.length)
  return { start, token, child }
}

/** One level: every beam's children, scored, and the best of them all. Values are [B, beams] but scores [B, width]. */
const advance = (trie: Record<keyof Trie, Value>, logits: Value, nodes: Value, scores: Value, codes: Value[]) => {
  const first = op.gather(trie.start, nodes)
  const end = op.gather(trie.start, op.add(nodes, 1))
  const offsets = nodes.graph.constant('int64', [1, 1, width], [0, 1, 2, 3])
  const edges = op.add(op.reshape(first, ['B', beams, 1]), offsets)
  const exists = op.less(edges, op.reshape(end, ['B', beams, 1]))
  const safe = op.where(exists, edges, 0)
  const tokens = op.reshape(op.gather(trie.token, safe), ['B', beams * width])
  const gains = op.gatherElements(op.logSoftmax(logits), tokens, 1)
  const total = op.add(op.reshape(gains, ['B', beams, width]), op.reshape(scores, ['B', beams, 1]))
  const best = op.topK(op.reshape(op.where(exists, total, impossible), ['B', beams * width]), beams)
  const parents = op.div(best.indices, width)
  const kept = codes.map((code) => op.gatherElements(code, parents, 1))
  const chosen = op.gatherElements(tokens, best.indices, 1)
  const children = op.gatherElements(op.reshape(op.gather(trie.child, safe), ['B', beams * width]), best.indices, 1)
  return { nodes: children, scores: best.values, codes: [...kept, chosen] }
}

const beamGraph = (trie: Trie): Uint8Array => {
  const graph = new Graph()
  const logits = graph.input('logits', 'float32', ['B', levels, width])
  const constants = {
    start: graph.constant('int64', [trie.start.length], trie.start),
    token: graph.constant('int64', [trie.token.length], trie.token),
    child: graph.constant('int64', [trie.child.length], trie.child),
  }
  // Only the first beam is alive at the root; the others could only repeat it.
  const alone = graph.constant('float32', [1, beams], [0, ...new Array<number>(beams - 1).fill(impossible)])
  const column = op.slice(op.reshape(logits, ['B', levels * width]), 1, 0, 1)
  let state = {
    nodes: op.expandLike(graph.scalar(0, 'int64'), op.mul(column, alone)),
    scores: op.expandLike(alone, op.mul(column, alone)),
    codes: [] as Value[],
  }
  for (let level = 0; level < levels; level++) {
    const row = op.reshape(op.slice(logits, 1, level, level + 1), ['B', width])
    state = advance(constants, row, state.nodes, state.scores, state.codes)
  }
  graph.output('scores', state.scores)
  graph.output(
    'codes',
    op.concat(
      state.codes.map((code) => op.reshape(code, ['B', beams, 1])),
      2,
    ),
  )
  return writeModel(graph)
}

const logProbabilities = (row: readonly number[]): number[] => {
  const whole = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0))
  return row.map((logit) => logit - whole)
}

test('finds the beams of a plain search, for any batch and catalogue', () =>
  fc.assert(
    fc.asyncProperty(
      seeds,
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 6, max: 40 }),
      async (seed, batch, count) => {
        const random = new Random('beam', seed)
        const codes = () => Array.from({ length: levels }, () => random.below(width))
        const items = [...new Map(Array.from({ length: count }, codes).map((item) => [item.join(), item])).values()]
        const logits = Float32Array.from({ length: batch * levels * width }, () => random.normal())
        const session = await Session.create(beamGraph(trieOf(items)), { threads: 1 })
        const found = await session.run({ logits: float32([batch, levels, width], logits) })
        await session.release()
        expect(found.codes.shape).toEqual([batch, beams, levels])
        for (let request = 0; request < batch; request++) {
          const rows = Array.from({ length: levels }, (_, level) => {
            const from = (request * levels + level) * width
            return logProbabilities([...logits.subarray(from, from + width)])
          })
          let prefixes = [{ prefix: [] as number[], score: 0 }]
          for (const row of rows)
            prefixes = prefixes
              .flatMap(({ prefix, score }) =>
                row.map((gain, code) => ({ prefix: [...prefix, code], score: score + gain })),
              )
              .filter(({ prefix }) => items.some((item) => prefix.every((code, level) => item[level] === code)))
              .sort((a, b) => b.score - a.score)
              .slice(0, beams)
          for (const [rank, { prefix, score }] of prefixes.entries()) {
            const at = request * beams + rank
            expect(found.scores.data[at]).toBeCloseTo(score, 4)
            const chosen = Array.from(found.codes.data.slice(at * levels, (at + 1) * levels), Number)
            expect(chosen).toEqual(prefix)
          }
        }
      },
    ),
    { numRuns: 15 },
  ))
