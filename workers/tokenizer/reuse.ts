// Coding a changed catalogue by the codebooks of an earlier build, so that models that learned those codes stay of use.

import { canonicalJson } from '../artifacts/digest.ts'
import type { BuildProgress, BuiltTokenizer } from './build.ts'
import type { Catalogue, NewItem } from './catalogue.ts'
import { collisionRate, placeNewItems } from './collisions.ts'
import { type FeatureModel, featuresOf } from './features.ts'
import { applyQuantizer, learningSteps } from './quantizer.ts'
import { utilization } from './residual-quantizer.ts'
import { pickRows, setRows } from './rows.ts'
import type { EarlierTokenizer } from './tokenizer.ts'

export type IdentifiedCatalogue = Catalogue & { readonly itemIds: readonly string[] }

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

/**
 * Codes every item of the catalogue by the earlier codebooks. Known items keep codes and features, also where their
 * text has changed since; new ones get the nearest free path by features of their content, in which the collaborative
 * part is what the content lets expect. Paths of items that are gone are free.
 * @param places of a plan whose reason is FewUnseenItems
 */
export async function reuseTokenizer(
  catalogue: IdentifiedCatalogue,
  earlier: EarlierTokenizer,
  places: Int32Array,
  progress: BuildProgress = async () => {},
): Promise<BuiltTokenizer> {
  const { featureDimensions, codebooks, autoencoder, featureModel, options, codebookSizes, levels } = earlier
  const { itemCount } = catalogue
  const lastStep = learningSteps(options)
  await progress('Features', 0)
  const fresh = [...places.keys()].filter((item) => places[item] < 0)
  const freshFeatures = featuresOf(
    fresh.map((item) => newItem(catalogue, item)),
    featureModel,
  )
  const features = pickRows(earlier.features, places, featureDimensions)
  setRows(features, freshFeatures, fresh, featureDimensions)
  await progress('Quantization', lastStep)
  const all = await applyQuantizer(features, earlier)
  await progress('Collisions', lastStep)
  const codes = new Uint16Array(itemCount * levels)
  places.forEach((place, item) => {
    if (place >= 0) codes.set(earlier.codes.subarray(place * levels, (place + 1) * levels), item * levels)
  })
  const taken = [...places.keys()].filter((item) => places[item] >= 0)
  const placed = placeNewItems(
    pickRows(all.codes, fresh, options.levels),
    pickRows(all.points, fresh, codebooks.dimensions),
    { codes: pickRows(codes, taken, levels), sizes: codebookSizes },
    codebooks,
  )
  setRows(codes, placed, fresh, levels)
  return {
    itemCount,
    featureDimensions,
    features,
    featureModel,
    codebooks,
    autoencoder,
    codes,
    codebookSizes,
    options,
    learned: Uint8Array.from(places, (place) => (place < 0 ? 0 : earlier.learned[place])),
    report: {
      collisionRate: collisionRate(all.codes, options.levels),
      reconstructionError: all.reconstructionError,
      utilization: utilization(all.codes, codebooks.sizes),
    },
  }
}

export function newItem({ itemText, itemAttributes, embeddings }: Catalogue, item: number): NewItem {
  return {
    text: itemText(item),
    attributes: itemAttributes(item),
    embedding: embeddings?.data.subarray(item * embeddings.dim, (item + 1) * embeddings.dim),
  }
}
