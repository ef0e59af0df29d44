// EGA-V2's generator as a source of lists for full ranking, and as a judge of given candidates: the next item by log z
// over the whole catalogue, bids aside.

import type { Artifact } from '../artifacts/store.ts'
import type { HistoryFacts } from '../evaluation/history-facts.ts'
import type { CandidateScorer } from '../evaluation/sampled/candidate-scorer.ts'
import { TopItems } from '../evaluation/top-items.ts'
import { decodeLists, decoderMemory } from '../ranker/ega/decoder.ts'
import { openEgaModel } from '../ranker/ega/ega-artifact.ts'
import { encodeHistory } from '../ranker/ega/encoder.ts'
import type { GeneratorCatalogue } from '../ranker/ega/generator-catalogue.ts'
import { type GeneratorShape, generatorLayout } from '../ranker/ega/generator-shape.ts'
import { historyInputs, historyTensors } from '../ranker/ega/history-tensors.ts'
import { historyVectors } from '../ranker/ega/history-vectors.ts'
import { constantTable } from '../ranker/ega/token-vectors.ts'
import { catalogueHead } from '../ranker/ega/whole-catalogue.ts'
import { Graph, type Value } from '../tensor/graph.ts'
import { writeModel } from '../tensor/onnx-writer.ts'
import * as op from '../tensor/operators.ts'
import { constantParameters } from '../tensor/parameters.ts'
import { Session } from '../tensor/session.ts'
import { IncompleteModelError } from './auction/ega-decoder.ts'
import { readHistory } from './auction/request-tensors.ts'

type History = Parameters<typeof readHistory>[0]

const historiesOfRun = 64
/** Order of equal scores. */
const tieSeed = 0

export interface EgaRecommender extends CandidateScorer {
  readonly name: string
  readonly datasetDigest: string
  readonly itemIds: readonly string[]
  /** For each history the `count` likeliest items that are not in it, best first; fewer only when fewer are left. */
  recommend(histories: readonly Uint32Array[], count: number, facts?: readonly HistoryFacts[]): Promise<Uint32Array[]>
  release(): Promise<void>
}

/** Inputs: those of `historyTensors`. Output: logZ [B, items] by leaf of the trie. */
const rankingGraph = (shape: GeneratorShape, { items, creatives }: GeneratorCatalogue, flat: Float32Array): Graph => {
  const graph = new Graph()
  const parameters = constantParameters(graph, flat, generatorLayout(shape))
  const size = ['B', shape.historyLength]
  const history = graph.input(historyInputs.items, 'int32', size)
  const length = graph.input(historyInputs.length, 'int32', ['B'])
  const item = constantTable(graph, 'item', { count: items.itemCount, ...items })
  const creative = creatives && constantTable(graph, 'creative', creatives)
  const shown = creative && graph.input(historyInputs.creatives, 'int32', size)
  const read = historyVectors(parameters, shape, { item, creative }, { items: history, creatives: shown, length })
  const keep = (_place: string, value: Value) => value
  const encoded = encodeHistory(parameters, shape, read, keep)
  const memory = decoderMemory(parameters, shape, encoded)
  const states = decodeLists(parameters, shape, undefined, { groups: 'B', lists: 1, positions: 1 }, memory, keep)
  const head = catalogueHead(graph, parameters, shape, items)
  const logZ = head(op.reshape(states, [1, 'B', shape.hiddenSize]))
  graph.output('logZ', op.reshape(logZ, ['B', items.itemCount]))
  return graph
}

/** The items of the greatest scores. */
const bestItems = (scores: Float32Array, taken: ReadonlySet<number>, count: number): Uint32Array => {
  const top = new TopItems(count, tieSeed)
  for (const [item, score] of scores.entries()) if (!taken.has(item)) top.offer(item, score)
  return top.ranked()
}

/** @throws NotAModelError, IncompleteModelError */
export async function openEgaRecommender(artifact: Artifact, threads: number): Promise<EgaRecommender> {
  const { digest, datasetDigest, itemIds, shapes, weights, catalogue } = await openEgaModel(artifact)
  const { generator: shape } = shapes
  if (shape === null || weights.generator === undefined) throw new IncompleteModelError(digest, 'generator')
  const { items } = catalogue
  const session = await Session.create(writeModel(rankingGraph(shape, catalogue, weights.generator)), { threads })
  /** log z [items] of every item of the catalogue after each history. */
  const scoresAfter = async (histories: readonly History[]): Promise<Float32Array[]> => {
    const { logZ } = await session.run(historyTensors(shape, histories.map(readHistory)))
    return histories.map((_, row) => {
      const scores = new Float32Array(items.itemCount)
      for (const [leaf, item] of items.trie.leafItem.entries())
        scores[item] = (logZ.data as Float32Array)[row * items.itemCount + leaf]
      return scores
    })
  }
  return {
    name: digest,
    datasetDigest,
    itemIds,
    recommend: async (histories, count, facts) => {
      const lists: Uint32Array[] = []
      for (let from = 0; from < histories.length; from += historiesOfRun) {
        const batch = histories.slice(from, from + historiesOfRun)
        const scores = await scoresAfter(batch.map((history, row) => ({ history, ...facts?.[from + row] })))
        lists.push(...batch.map((history, row) => bestItems(scores[row], new Set(history), count)))
      }
      return lists
    },
    score: async (lists) => {
      const scored: { final: Float32Array }[] = []
      for (let from = 0; from < lists.length; from += historiesOfRun) {
        const batch = lists.slice(from, from + historiesOfRun)
        const scores = await scoresAfter(batch)
        for (const [row, { candidates }] of batch.entries())
          scored.push({ final: Float32Array.from(candidates, (item) => scores[row][item]) })
      }
      return scored
    },
    release: () => session.release(),
  }
}
