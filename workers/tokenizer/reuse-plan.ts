// Whether a changed catalogue can be coded by the codebooks of an earlier build.

import { canonicalJson } from '../artifacts/digest.ts'
import type { Catalogue, IdentifiedCatalogue } from './catalogue.ts'
import type { FeatureModel } from './features.ts'

export type ReuseReason =
  | 'FewUnseenItems'
  | 'TooManyUnseenItems'
  | 'OptionsDiffer'
  | 'NoContent'
  | 'EmbeddingsDiffer'
  | 'PathsExhausted'

/** What is to be known of an earlier vocabulary, of items or of creatives. */
export interface EarlierVocabulary {
  /** Id by index. */
  readonly itemIds: readonly string[]
  /** [items], 1 where the codebooks were learned from the item. */
  readonly learned: Uint8Array
  readonly options: object
  readonly featureModel: FeatureModel
  readonly codebookSizes: readonly number[]
}

export interface ReuseLimits {
  /** What codebooks would be learned with now. */
  readonly options: object
  readonly maxUnseenItemsPercent: number
  /** Most items that must not share a path; absent: none may. */
  readonly paths?: number
}

export interface ReusePlan {
  readonly reason: ReuseReason
  /** 0 to 100. */
  readonly unseenItemsPercent: number
  /** Index in the earlier tokenizer by item; -1: it has none. */
  readonly places: Int32Array
}

/**
 * Whether an earlier tokenizer serves for this catalogue; only with `FewUnseenItems` it does. Unseen are items that the
 * codebooks were not learned from, also those that a build between has coded: a chain of builds that each add a few
 * items shall end in learning anew as well.
 */
export function planReuse(catalogue: IdentifiedCatalogue, earlier: EarlierVocabulary, limits: ReuseLimits): ReusePlan {
  const indexOf = new Map(earlier.itemIds.map((id, index) => [id, index]))
  const places = Int32Array.from(catalogue.itemIds, (id) => indexOf.get(id) ?? -1)
  const unseen = places.filter((place) => place < 0 || earlier.learned[place] === 0).length
  const unseenItemsPercent = catalogue.itemCount === 0 ? 0 : (100 * unseen) / catalogue.itemCount
  const reason = whyNot(catalogue, earlier, limits, places)
  if (reason !== undefined) return { reason, unseenItemsPercent, places }
  const isFew = unseenItemsPercent <= limits.maxUnseenItemsPercent
  return { reason: isFew ? 'FewUnseenItems' : 'TooManyUnseenItems', unseenItemsPercent, places }
}

function whyNot(
  { itemCount, embeddings }: Catalogue,
  earlier: EarlierVocabulary,
  { options, paths = itemCount }: ReuseLimits,
  places: Int32Array,
): ReuseReason | undefined {
  if (canonicalJson(options) !== canonicalJson(earlier.options)) return 'OptionsDiffer'
  const { blocks } = earlier.featureModel
  const embedding = blocks.find(({ kind }) => kind === 'embedding')
  if (embedding !== undefined && embedding.dimensions !== embeddings?.dim) return 'EmbeddingsDiffer'
  // What is taken together tells nothing of an item that was not there to be taken.
  if (blocks.every(({ kind }) => kind === 'collaborative') && places.includes(-1)) return 'NoContent'
  if (paths > earlier.codebookSizes.reduce((product, size) => product * size, 1)) return 'PathsExhausted'
  return undefined
}
