// What a tokenizer reads of a Dataset. Items are known by their index alone; an id is an opaque key and no feature.

import type { Creatives } from '../data/market/market.ts'

export interface Catalogue {
  readonly itemCount: number
  itemText(item: number): string
  itemAttributes(item: number): readonly string[]
  readonly embeddings?: { readonly dim: number; readonly data: Float32Array } | undefined
}

export type IdentifiedCatalogue = Catalogue & { readonly itemIds: readonly string[] }

/** An item that the build did not see. */
export interface NewItem {
  readonly text: string
  readonly attributes: readonly string[]
  readonly embedding?: Float32Array | undefined
}

/** An item of a catalogue as one that the build did not see. */
export function newItem({ itemText, itemAttributes, embeddings }: Catalogue, item: number): NewItem {
  return {
    text: itemText(item),
    attributes: itemAttributes(item),
    embedding: embeddings?.data.subarray(item * embeddings.dim, (item + 1) * embeddings.dim),
  }
}

/** Renderings of items, those of one item next to each other. */
export type CreativeCatalogue = Pick<Creatives, 'count' | 'ids' | 'offsets' | 'text' | 'embeddings'>
