// What a tokenizer reads of a Dataset. Items are known by their index alone; an id is an opaque key and no feature.

export interface Catalogue {
  readonly itemCount: number
  itemText(item: number): string
  itemAttributes(item: number): readonly string[]
  readonly embeddings?: { readonly dim: number; readonly data: Float32Array } | undefined
}

/** An item that the build did not see. */
export interface NewItem {
  readonly text: string
  readonly attributes: readonly string[]
  readonly embedding?: Float32Array | undefined
}
