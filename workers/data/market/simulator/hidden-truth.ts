/** From what users like to how likely they click: the parameters of the hidden truth. */
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { Random } from '../../../tensor/random.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { sequenceOf } from '../../sequences.ts'
import { type TruthParameters, type TruthTables, truthOf } from '../truth.ts'
import type { AffinityFactors } from './affinity.ts'
import type { Categories } from './categories.ts'
import { normalQuantile } from './normal-quantile.ts'

const QUANTILES = 129

export interface TruthIngredients {
  readonly factors: AffinityFactors
  readonly categories: Categories
  readonly styles: Uint8Array
  readonly conversionValues: Float32Array
  /** Of users and candidates of requests. */
  readonly affinities: Float64Array
}

/** Everything but the intercept, which is 0. */
export function uncalibratedTruth(
  dataset: Dataset,
  { factors, categories, styles, conversionValues, affinities }: TruthIngredients,
  { seed, creativesPerItem, clicks, conversions }: MarketSimulation,
): TruthTables {
  const ascending = affinities.toSorted()
  const ranks = Array.from({ length: QUANTILES }, (_, index) => (index + 0.5) / QUANTILES)
  const parameters: TruthParameters = {
    dimensions: factors.dimensions,
    quantiles: ranks.map((rank) => ascending[Math.floor(rank * ascending.length)] ?? 0),
    scores: ranks.map(normalQuantile),
    intercept: 0,
    affinityScale: clicks.affinityPercent / 100,
    exposureDecay: clicks.exposureDecayPercent / 100,
    externality: 1 - clicks.externalityPercent / 100,
    repetition: 1 - clicks.repetitionPercent / 100,
    tastes: drawTastes(categories.roots.length, creativesPerItem, clicks.creativeTastePercent / 100, seed),
    creativeClick: clicks.creativeClickPercent / 100,
    conversion: {
      min: conversions.minPercent / 100,
      max: conversions.maxPercent / 100,
      alternatives: 1 - conversions.alternativesPercent / 100,
    },
  }
  const { items, users } = factors
  const { rootOf } = categories
  return { parameters, items, users, roots: rootOf, groups: groupsOf(dataset, categories), styles, conversionValues }
}

/** Each group likes one style best and one least, the others evenly between. */
function drawTastes(groups: number, styles: number, reach: number, seed: number): number[][] {
  return Array.from({ length: groups }, (_, group) => {
    const order = new Random(seed, 'taste', group).permutation(styles)
    return Array.from(order, (place) => 1 + reach * ((2 * place) / (styles - 1) - 1))
  })
}

/** The top category that a user took most from; the first of equals. */
function groupsOf(dataset: Dataset, { roots, rootOf }: Categories): Int32Array {
  const counts = new Uint32Array(roots.length)
  return Int32Array.from({ length: dataset.userCount }, (_, user) => {
    counts.fill(0)
    for (const item of sequenceOf(dataset, user)) if (rootOf[item] >= 0) counts[rootOf[item]]++
    const most = counts.reduce((best, count, root) => (count > counts[best] ? root : best), 0)
    return counts[most] > 0 ? most : -1
  })
}

export interface ShownLists {
  readonly count: number
  user(list: number): number
  /** Entries of a list are offsets[list] .. offsets[list + 1]. */
  readonly offsets: readonly number[]
  readonly item: readonly number[]
  readonly creative: readonly number[]
}

/** The intercept with which the lists have this mean click probability, by bisection. */
export function calibratedIntercept(tables: TruthTables, lists: ShownLists, mean: number): number {
  const truth = truthOf(tables)
  const odds = new Float64Array(lists.item.length)
  for (let list = 0; list < lists.count; list++) {
    const [from, to] = [lists.offsets[list], lists.offsets[list + 1]]
    const shown = { items: lists.item.slice(from, to), creatives: lists.creative.slice(from, to) }
    truth.clicks({ user: lists.user(list), ...shown }).click.forEach((probability, slot) => {
      odds[from + slot] = probability / (1 - probability)
    })
  }
  let low = -30
  let high = 30
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    const factor = Math.exp(middle)
    const sum = odds.reduce((total, value) => total + (value * factor) / (1 + value * factor), 0)
    if (sum > mean * odds.length) high = middle
    else low = middle
  }
  return (low + high) / 2
}
