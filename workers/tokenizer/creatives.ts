// Codes of creatives: a vocabulary of their own beside that of items.

import type { TrainingSequences } from '../data/co-occurrence.ts'
import type { BuildReport } from './build.ts'
import { type CreativeCatalogue, type IdentifiedCatalogue, newItem } from './catalogue.ts'
import { collisionRate, placeNewItems, reassign } from './collisions.ts'
import { TokenizerSpecError } from './errors.ts'
import { type FeatureModel, type FeatureOptions, featuresOf, learnFeatures } from './features.ts'
import { applyQuantizer, type LearningOptions, learningSteps, learnQuantizer, type Quantizer } from './quantizer.ts'
import { utilization } from './residual-quantizer.ts'
import { pickRows, setRows } from './rows.ts'
import { wordsOf } from './text-features.ts'
import { vocabularyOf } from './vocabulary.ts'

export interface CreativeOptions extends LearningOptions {
  readonly features: Pick<FeatureOptions, 'text' | 'embedding'>
}

/** What a model reads of creatives. */
export interface CreativeTokens {
  /** Digest of what codes and features mean. */
  readonly vocabulary: string
  readonly count: number
  readonly levels: number
  /** Entries of each level. */
  readonly codebookSizes: readonly number[]
  readonly featureDimensions: number
  /** [count, levels], unique within an item. */
  readonly codes: Uint16Array
  /** [count, featureDimensions]: mean 0, variance 1 as the mean over dimensions. */
  readonly features: Float32Array
  readonly ids: readonly string[]
  /** [items + 1]: creatives of item i are offsets[i] .. offsets[i + 1]. */
  readonly offsets: Uint32Array
}

/** With what another build needs to go on with the same codebooks. */
export interface BuiltCreatives extends CreativeTokens, Quantizer {
  readonly featureModel: FeatureModel
  readonly options: CreativeOptions
  /** [count], 1 where the codebooks were learned from the creative. */
  readonly learned: Uint8Array
  /** A collision is one with another creative of the same item. */
  readonly report: BuildReport
}

/** Called between steps, with those done; what it throws ends the work. */
export type CreativeProgress = (step: number) => Promise<void>

/**
 * Learns codes for every creative.
 * @param threads to learn with; the result does not depend on it
 * @throws TokenizerSpecError naming a field below `creatives` when they cannot give what the options ask for
 */
export async function buildCreatives(
  creatives: CreativeCatalogue,
  options: CreativeOptions,
  progress: CreativeProgress = async () => {},
  threads = 1,
): Promise<BuiltCreatives> {
  checkCreatives(creatives, options)
  return namingCreatives(async () => {
    const featureOptions = { ...options.features, seed: options.seed }
    const { dimensions, data, model } = await learnFeatures(asItems(creatives), featureOptions, () => progress(0))
    const learned = await learnQuantizer(data, model.blocks, options, { threads, onStep: progress })
    const { codebooks, autoencoder, codes, points } = learned
    const unique = codes.slice()
    forEachItem(creatives, (first, end) => {
      const own = rowRange(codes, first, end, options.levels)
      if (collisionRate(own, options.levels) === 0) return
      const told = reassign(own, codebooks, rowRange(points, first, end, codebooks.dimensions))
      unique.set(told.codes, first * options.levels)
    })
    return {
      ...describe(creatives, { codebooks, autoencoder, featureModel: model, options }),
      featureDimensions: dimensions,
      codes: unique,
      features: data,
      learned: new Uint8Array(creatives.count).fill(1),
      report: reportOf(creatives, learned, codebooks.sizes),
    }
  })
}

/**
 * Codes every creative by earlier codebooks. Known ones keep features, and codes where no other creative of their item
 * has them by now; new ones take the nearest path that is free within their item.
 * @param places index in the earlier build by creative; -1: it has none
 */
export async function reuseCreatives(
  creatives: CreativeCatalogue,
  earlier: BuiltCreatives,
  places: Int32Array,
  progress: CreativeProgress = async () => {},
): Promise<BuiltCreatives> {
  return namingCreatives(async () => {
    const { featureDimensions, featureModel, codebooks, levels, codebookSizes } = earlier
    const items = asItems(creatives)
    const fresh = [...places.keys()].filter((creative) => places[creative] < 0)
    const features = pickRows(earlier.features, places, featureDimensions)
    const content = fresh.map((creative) => newItem(items, creative))
    setRows(features, featuresOf(content, featureModel), fresh, featureDimensions)
    await progress(learningSteps(earlier.options))
    const all = await applyQuantizer(features, earlier)
    const codes = pickRows(earlier.codes, places, levels)
    forEachItem(creatives, (first, end) => {
      const own = Array.from({ length: end - first }, (_, index) => first + index)
      const taken = new Map<string, number>()
      for (const creative of own) {
        const path = rowRange(codes, creative, creative + 1, levels).join()
        if (places[creative] >= 0 && !taken.has(path)) taken.set(path, creative)
      }
      const kept = new Set(taken.values())
      const others = own.filter((creative) => !kept.has(creative))
      const placed = placeNewItems(
        pickRows(all.codes, others, levels),
        pickRows(all.points, others, codebooks.dimensions),
        { codes: pickRows(codes, [...kept], levels), sizes: codebookSizes },
        codebooks,
      )
      setRows(codes, placed, others, levels)
    })
    return {
      ...describe(creatives, earlier),
      featureDimensions,
      codes,
      features,
      learned: Uint8Array.from(places, (place) => (place < 0 ? 0 : earlier.learned[place])),
      report: reportOf(creatives, all, codebookSizes),
    }
  })
}

/** As a catalogue of which nothing was taken yet. */
export const asItems = (creatives: CreativeCatalogue): IdentifiedCatalogue & TrainingSequences => ({
  itemCount: creatives.count,
  itemIds: creatives.ids,
  itemText: (creative) => creatives.text(creative),
  itemAttributes: () => [],
  embeddings: creatives.embeddings,
  userCount: 0,
  offsets: new Uint32Array(1),
  events: new Uint32Array(),
  trainEnd: new Uint32Array(),
})

/** Most creatives of one item. */
export const mostOfAnItem = ({ offsets }: CreativeCatalogue): number =>
  offsets.reduce((most, end, index) => (index === 0 ? 0 : Math.max(most, end - offsets[index - 1])), 0)

type Vocabulary = Quantizer & Pick<BuiltCreatives, 'featureModel' | 'options'>

const describe = (
  { count, ids, offsets }: CreativeCatalogue,
  { codebooks, autoencoder, featureModel, options }: Vocabulary,
) => ({
  vocabulary: vocabularyOf({ codebooks, autoencoder }, featureModel),
  count,
  ids,
  offsets,
  levels: codebooks.sizes.length,
  codebookSizes: codebooks.sizes,
  codebooks,
  autoencoder,
  featureModel,
  options,
})

function reportOf(
  creatives: CreativeCatalogue,
  { codes, reconstructionError }: { readonly codes: Uint16Array; readonly reconstructionError: number },
  sizes: readonly number[],
): BuildReport {
  let collided = 0
  forEachItem(creatives, (first, end) => {
    collided += collisionRate(rowRange(codes, first, end, sizes.length), sizes.length) * (end - first)
  })
  return { collisionRate: collided / creatives.count, reconstructionError, utilization: utilization(codes, sizes) }
}

function forEachItem({ offsets }: CreativeCatalogue, action: (first: number, end: number) => void): void {
  for (let item = 0; item + 1 < offsets.length; item++) action(offsets[item], offsets[item + 1])
}

const rowRange = <Rows extends Uint16Array | Float32Array>(rows: Rows, first: number, end: number, width: number) =>
  rows.subarray(first * width, end * width) as Rows

function checkCreatives(creatives: CreativeCatalogue, { features }: CreativeOptions): void {
  if (creatives.count === 0) throw new TokenizerSpecError('NoCreatives', 'creatives', 'the Dataset has no creatives')
  if (features.text !== undefined && !hasText(creatives)) {
    const message = 'no creative of the Dataset has text; map a text column or leave out creatives.features.text'
    throw new TokenizerSpecError('NoCreativeText', 'creatives.features.text', message)
  }
  if (features.embedding !== undefined && creatives.embeddings === undefined) {
    const message = 'creatives have no embedding column; map one or leave out creatives.features.embedding'
    throw new TokenizerSpecError('NoCreativeEmbedding', 'creatives.features.embedding', message)
  }
}

function hasText(creatives: CreativeCatalogue): boolean {
  for (let creative = 0; creative < creatives.count; creative++) {
    if (wordsOf(creatives.text(creative)).length > 0) return true
  }
  return false
}

/** Errors name fields as items have them; those of creatives lie below `creatives`. */
async function namingCreatives<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TokenizerSpecError)) throw error
    throw new TokenizerSpecError(error.reason, `creatives.${error.field}`, error.detail)
  }
}
