// The things that a model speaks of, as its graphs read them: names and shapes of inputs, and the tensors for them, the
// same in every run.

import { float32, int32, type Tensors } from '../../tensor/session.ts'
import type { InputSpec } from '../../tensor/training-step.ts'
import type { RankerShape } from '../architecture.ts'
import type { Catalogue } from '../catalogue.ts'
import type { GeneratorShape } from './generator-shape.ts'
import { type CodedThings, tableSpecs, tableTensors } from './token-vectors.ts'

/** The things that a generator speaks of. */
export interface GeneratorCatalogue {
  readonly items: Catalogue
  /** Absent where the shape has no creatives. */
  readonly creatives: CodedThings | undefined
}

/** What of a ranker tells how a catalogue is given to it. */
export type CatalogueShape = Pick<RankerShape, 'codebookSizes' | 'featureDimensions' | 'contentDimensions'> &
  Partial<Pick<GeneratorShape, 'creatives'>>

/** Inputs that hold the trie of the catalogue, and where each item lies in it. */
export const trieInputs = {
  token: 'trie.token',
  content: 'trie.content',
  start: 'trie.start',
  node: (level: number) => `trie.node.${level}`,
  place: (level: number) => `trie.place.${level}`,
} as const

/** Shapes of those inputs, and of the tables of items and creatives. */
export const catalogueSpecs = (
  shape: CatalogueShape,
  catalogue: Pick<Catalogue, 'itemCount' | 'trie'>,
  creativeCount: number,
): Record<string, InputSpec> => {
  const { itemCount, trie } = catalogue
  const entries = trie.token.length
  const specs: Record<string, InputSpec> = {
    ...tableSpecs('item', { count: itemCount, ...shape }),
    [trieInputs.token]: { type: 'int32', shape: [entries] },
    [trieInputs.start]: { type: 'int32', shape: [trie.nodeCount + 1] },
  }
  if (shape.contentDimensions > 0)
    specs[trieInputs.content] = { type: 'float32', shape: [entries, shape.contentDimensions] }
  for (const level of shape.codebookSizes.keys()) {
    specs[trieInputs.node(level)] = { type: 'int32', shape: [itemCount] }
    specs[trieInputs.place(level)] = { type: 'int32', shape: [itemCount] }
  }
  return shape.creatives === undefined
    ? specs
    : { ...specs, ...tableSpecs('creative', { count: creativeCount, ...shape.creatives }) }
}

/** Tensors for `catalogueSpecs`. */
export const catalogueTensors = (shape: CatalogueShape, { items, creatives }: GeneratorCatalogue): Tensors => {
  const { trie, tokens, content, projection, nodes, places, levels, itemCount } = items
  const start = Int32Array.from({ length: trie.nodeCount + 1 }, (_, node) => trie.start[node])
  const byLevel = (values: Uint32Array, level: number) =>
    int32(
      [itemCount],
      Int32Array.from({ length: itemCount }, (_, item) => values[item * levels + level]),
    )
  const columns = shape.codebookSizes.flatMap((_, level) => [
    [trieInputs.node(level), byLevel(nodes, level)] as const,
    [trieInputs.place(level), byLevel(places, level)] as const,
  ])
  return {
    ...tableTensors('item', { count: itemCount, ...items }),
    [trieInputs.token]: int32([tokens.length], tokens),
    [trieInputs.start]: int32([start.length], start),
    ...(shape.contentDimensions > 0
      ? { [trieInputs.content]: float32([tokens.length, projection.dimensions], content) }
      : {}),
    ...Object.fromEntries(columns),
    ...(creatives === undefined ? {} : tableTensors('creative', creatives)),
  }
}
