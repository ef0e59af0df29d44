import type { NewItem } from './catalogue.ts'
import { placeNewItems } from './collisions.ts'
import { featuresOf } from './features.ts'
import { applyQuantizer } from './quantizer.ts'
import { openFeatureModel, openTokenizer, type ReadableArtifact, type Tokenizer } from './tokenizer.ts'

/** Nearest codes [items, learned levels] of features [items, dimensions]; equal features get equal codes. */
export async function encode(features: Float32Array, tokenizer: Tokenizer): Promise<Uint16Array> {
  return (await applyQuantizer(features, tokenizer)).codes
}

export interface NewItemCodes {
  /** [items, levels]: unique, also against the items of the tokenizer. */
  readonly codes: Uint16Array
  /** [items, featureDimensions]. */
  readonly features: Float32Array
}

/**
 * Codes of items that came into the catalogue after the build, so that no model has to be trained anew for them.
 * @throws TokenizerSpecError when every path is taken, or an item lacks the embedding that the build had
 */
export async function encodeNewItems(artifact: ReadableArtifact, items: readonly NewItem[]): Promise<NewItemCodes> {
  const tokenizer = await openTokenizer(artifact)
  const features = featuresOf(items, await openFeatureModel(artifact))
  const nearest = await applyQuantizer(features, tokenizer)
  const taken = { codes: tokenizer.codes, sizes: tokenizer.codebookSizes }
  return { codes: placeNewItems(nearest.codes, nearest.points, taken, tokenizer.codebooks), features }
}
