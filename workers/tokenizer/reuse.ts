// Coding a changed catalogue by the codebooks of an earlier build, so that models that learned those codes stay of use.

import type { BuildProgress, BuiltTokenizer } from './build.ts'
import { type IdentifiedCatalogue, newItem } from './catalogue.ts'
import { collisionRate, placeNewItems } from './collisions.ts'
import { featuresOf } from './features.ts'
import { applyQuantizer, learningSteps } from './quantizer.ts'
import { utilization } from './residual-quantizer.ts'
import { pickRows, setRows } from './rows.ts'
import type { EarlierTokenizer } from './tokenizer.ts'

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
