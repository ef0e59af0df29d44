/**
 * The hidden truth of a simulated market: how likely any list of any user is clicked. For evaluations and tests alone:
 * a model that had seen it would have seen the test (a test of the structure holds who may import this file).
 */
import { readFile } from 'node:fs/promises'
import type { Artifact } from '../../artifacts/store.ts'
import { readFloat32File, readInt32File, readUint8File } from '../binary-files.ts'
import { filesOf } from '../dataset-reader.ts'

/** `parameters` is JSON, the others little-endian arrays: see TruthTables. */
export const TRUTH_FILES = {
  parameters: 'truth.json',
  items: 'truth.items.f32',
  users: 'truth.users.f32',
  roots: 'truth.roots.i32',
  groups: 'truth.groups.i32',
  styles: 'truth.styles.u8',
  conversionValues: 'truth.conversion-values.f32',
} as const

export interface TruthParameters {
  /** Of the factors of users and items. */
  dimensions: number
  /** Affinities at equally spaced ranks among candidates, ascending: quantile i is of rank (i + 0.5) / length. */
  quantiles: number[]
  /** Normal scores of the same ranks. */
  scores: number[]
  /** Log odds of a click in the first slot at a normal score of 0. */
  intercept: number
  /** Log odds that a standard deviation of affinity adds. */
  affinityScale: number
  /** Of a slot beyond the third, against the one before. */
  exposureDecay: number
  /** Factor on the odds for each neighbour with the same root. */
  externality: number
  /** Factor on the odds for each earlier entry with the same root that is no neighbour. */
  repetition: number
  /** [groups][styles], factors on the odds. */
  tastes: number[][]
  /** Share of clicks that go to the creative, at a taste of 1. */
  creativeClick: number
  /**
   * Probability that a click converts, at the lowest and the highest rank of affinity, and a factor on it for each other
   * entry with the same root.
   */
  conversion: { min: number; max: number; alternatives: number }
}

export interface TruthTables {
  parameters: TruthParameters
  /** [items, dimensions]. */
  items: Float32Array
  /** [users, dimensions]. */
  users: Float32Array
  /** [items], the top category, -1 for none. */
  roots: Int32Array
  /** [users], the top category that a user took most from, -1 for none. */
  groups: Int32Array
  /** [creatives]. */
  styles: Uint8Array
  /** [items]. */
  conversionValues: Float32Array
}

/** A list as it would be shown, slot after slot. */
export interface ShownList {
  /** `noUser` for one that the Dataset does not know, who has no taste and a middling affinity to everything. */
  user: number
  items: ArrayLike<number>
  /** Index of the creative of each item, -1 for none. */
  creatives: ArrayLike<number>
}

/** By slot. */
export interface ListTruth {
  /** Probability of a click on the item. */
  click: Float64Array
  /** Probability of a click that goes to the creative: at most `click`. */
  creativeClick: Float64Array
  /** Probability of a conversion given a click. */
  conversion: Float64Array
  /** Value of a conversion. */
  conversionValue: Float64Array
}

export interface MarketTruth {
  clicks(list: ShownList): ListTruth
  /** Inner product of the factors: orders the items for a user; 0 for `noUser`. */
  affinity(user: number, item: number): number
}

/**
 * @param artifact of a Dataset, opened, hence verified
 * @returns undefined where the Dataset has no simulated market
 */
export async function openTruth(artifact: Artifact): Promise<MarketTruth | undefined> {
  const files = filesOf(artifact)
  if (!files.has(TRUTH_FILES.parameters)) return undefined
  return truthOf({
    parameters: parametersOf(
      JSON.parse(await readFile(files.path(TRUTH_FILES.parameters), 'utf8')) as WrittenParameters,
    ),
    items: await readFloat32File(files.path(TRUTH_FILES.items)),
    users: await readFloat32File(files.path(TRUTH_FILES.users)),
    roots: await readInt32File(files.path(TRUTH_FILES.roots)),
    groups: await readInt32File(files.path(TRUTH_FILES.groups)),
    styles: await readUint8File(files.path(TRUTH_FILES.styles)),
    conversionValues: await readFloat32File(files.path(TRUTH_FILES.conversionValues)),
  })
}

/** Markets from before there were `repetition` and `alternatives` go without them. */
type WrittenParameters = Omit<TruthParameters, 'repetition' | 'conversion'> & {
  repetition?: number
  conversion: Omit<TruthParameters['conversion'], 'alternatives'> & { alternatives?: number }
}

const parametersOf = (written: WrittenParameters): TruthParameters => ({
  ...written,
  repetition: written.repetition ?? 1,
  conversion: { ...written.conversion, alternatives: written.conversion.alternatives ?? 1 },
})

/**
 * Odds of a click = exp(intercept + scale * normal score of the affinity's rank) x exposure of the slot x taste of the
 * user's group for the creative's style x externality for each neighbour with the same root x repetition for each other
 * earlier entry with it. A click converts with a probability that rises with the rank, x alternatives for each other entry
 * with the same root: both depend on the whole list.
 */
export function truthOf(tables: TruthTables): MarketTruth {
  const { parameters } = tables
  const { intercept, affinityScale, conversion, creativeClick } = parameters
  const affinity = affinityOf(tables)
  return {
    affinity,
    clicks({ user, items, creatives }) {
      const truth = emptyTruth(items.length)
      for (let slot = 0; slot < items.length; slot++) {
        const item = items[slot]
        const { rank, score } = place(affinity(user, item), parameters)
        const taste = tasteOf(tables, user, creatives[slot])
        const kin = kinOf(tables.roots, items, slot)
        const context =
          exposureOf(slot, parameters.exposureDecay) *
          taste *
          parameters.externality ** kin.neighbours *
          parameters.repetition ** kin.earlier
        const odds = context * Math.exp(intercept + affinityScale * score)
        truth.click[slot] = odds / (1 + odds)
        truth.creativeClick[slot] = truth.click[slot] * Math.min(1, creativeClick * taste)
        const alone = conversion.min + (conversion.max - conversion.min) * rank
        truth.conversion[slot] = alone * conversion.alternatives ** kin.others
        truth.conversionValue[slot] = tables.conversionValues[item]
      }
      return truth
    },
  }
}

const emptyTruth = (length: number): ListTruth => ({
  click: new Float64Array(length),
  creativeClick: new Float64Array(length),
  conversion: new Float64Array(length),
  conversionValue: new Float64Array(length),
})

export function affinityOf({
  parameters,
  users,
  items,
}: Pick<TruthTables, 'users' | 'items'> & {
  parameters: Pick<TruthParameters, 'dimensions'>
}): MarketTruth['affinity'] {
  const { dimensions } = parameters
  return (user, item) => {
    const row = user * dimensions
    if (row >= users.length) return 0
    let sum = 0
    for (let index = 0, column = item * dimensions; index < dimensions; index++, column++) {
      sum += users[row + index] * items[column]
    }
    return sum
  }
}

/** AuctionNet's three slots (1, 0.8, 0.6), then a geometric decay. @param slot from 0 */
export function exposureOf(slot: number, decay: number): number {
  return slot < 3 ? 1 - 0.2 * slot : 0.6 * decay ** (slot - 2)
}

function tasteOf({ parameters, groups, styles }: TruthTables, user: number, creative: number): number {
  const group = user < groups.length ? groups[user] : -1
  return group < 0 || creative < 0 ? 1 : parameters.tastes[group][styles[creative]]
}

interface Kin {
  /** Entries of the list with the same root. */
  readonly others: number
  /** Those next to it, 0 to 2. */
  readonly neighbours: number
  /** Those above that are not next to it. */
  readonly earlier: number
}

function kinOf(roots: Int32Array, items: ArrayLike<number>, slot: number): Kin {
  const root = roots[items[slot]]
  const kin = { others: 0, neighbours: 0, earlier: 0 }
  if (root < 0) return kin
  for (let other = 0; other < items.length; other++) {
    if (other === slot || roots[items[other]] !== root) continue
    kin.others++
    if (Math.abs(other - slot) === 1) kin.neighbours++
    else if (other < slot) kin.earlier++
  }
  return kin
}

/** Rank among candidates in (0, 1) and its normal score, by straight lines between the quantiles. */
function place(affinity: number, { quantiles, scores }: TruthParameters): { rank: number; score: number } {
  const last = quantiles.length - 1
  const rankAt = (position: number): number => (position + 0.5) / quantiles.length
  if (affinity <= quantiles[0]) return { rank: rankAt(0), score: scores[0] }
  if (affinity >= quantiles[last]) return { rank: rankAt(last), score: scores[last] }
  let low = 0
  let high = last
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (quantiles[middle] <= affinity) low = middle
    else high = middle
  }
  const share = (affinity - quantiles[low]) / (quantiles[high] - quantiles[low])
  return { rank: rankAt(low + share), score: scores[low] + share * (scores[high] - scores[low]) }
}
