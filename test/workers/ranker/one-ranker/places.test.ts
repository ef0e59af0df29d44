import { expect, test } from 'vitest'
import { constantTable, itemsAt } from '../../../../workers/ranker/ega/token-vectors.ts'
import { generate } from '../../../../workers/ranker/one-ranker/hstu.ts'
import { oneRankerPlaces } from '../../../../workers/ranker/one-ranker/places.ts'
import { rankCandidates, rankingMemory } from '../../../../workers/ranker/one-ranker/ranking-decoder.ts'
import { refine } from '../../../../workers/ranker/one-ranker/refinement.ts'
import { type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { embedStream, streamSpecs } from '../../../../workers/ranker/one-ranker/stream.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'

const itemCount = 20

test.each([
  {},
  { historyTokens: 'Flattened', rankerLayers: 2 },
  { fakeItems: 0 },
  { refinement: false },
  { ranking: false },
] as const satisfies readonly Partial<OneRankerShape>[])('every place of dropout has its mask, %o', (changes) => {
  const shape = smallOneRanker(itemCount, changes)
  const graph = new Graph()
  const parameters = constantParameters(graph, roughOneRanker(shape), oneRankerLayout(shape))
  const table = constantTable(graph, 'item', { count: itemCount, ...smallCatalogue(itemCount).items })
  const asked: { name: string; shape: readonly (number | string)[] }[] = []
  const drop = (name: string, value: Value) => {
    asked.push({ name, shape: value.shape })
    return value
  }
  const inputs = Object.entries(streamSpecs(shape, 3)).map(
    ([name, spec]) => [name, graph.input(name, spec.type, spec.shape)] as const,
  )
  const stream = embedStream(parameters, shape, table, Object.fromEntries(inputs), drop)
  const generated = generate(parameters, shape, stream, drop)
  const refined = shape.refinement ? refine(parameters, shape, generated, drop) : undefined
  if (shape.ranking) {
    const items = itemsAt(parameters, shape, table, graph.input('candidates', 'int32', [3, 5]))
    const memory = rankingMemory(parameters, shape, generated, refined, drop)
    rankCandidates(parameters, shape, memory, { items, isAd: graph.input('isAd', 'float32', [3, 5]) }, drop)
  }
  const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name)
  expect(oneRankerPlaces(shape, 3, 5).toSorted(byName)).toEqual(asked.toSorted(byName))
})
