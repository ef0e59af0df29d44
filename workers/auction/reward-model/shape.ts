// Sizes of a reward model and the parameters that follow from them.

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../../tensor/parameters.ts'

export interface RewardShape {
  readonly hiddenSize: number
  readonly heads: number
  /** Most recent items of the user that are read. */
  readonly historyLength: number
  /** Slots of a list (K). */
  readonly listLength: number
  /** Entries of the codebook of each level of items. */
  readonly itemCodebooks: readonly number[]
  /** Of creatives; empty where there are none, and then no clicks of creatives are told. */
  readonly creativeCodebooks: readonly number[]
  /** Length of an item's feature vector; 0 for none. */
  readonly featureDimensions: number
  readonly creativeFeatureDimensions: number
  /** Hidden layers of each tower (Eq. 20); the paper has 128, 32, 10. */
  readonly towers: readonly number[]
  /** Whether conversions are told: false where the log has none. */
  readonly conversions: boolean
  /** Position embeddings, without which attention and sum are blind to the order of a list. */
  readonly positions: boolean
  /**
   * What an entry's score may depend on: Permutation, on the whole list (Eq. 18-20); Pointwise, on itself, the user and
   * its position alone, as the click model of a cascade.
   */
  readonly context: 'Permutation' | 'Pointwise'
}

export const rewardDefaults = {
  hiddenSize: 64,
  heads: 4,
  towers: [128, 32, 10],
  positions: true,
  context: 'Permutation',
} as const satisfies Partial<RewardShape>

/** What a tower tells: clicks on the item, clicks on its creative, conversions given the click. */
export type Reward = 'ctr' | 'ctrCreative' | 'cvr'

/** The towers of a shape, in the order in which they lie in its parameters. */
export const rewardsOf = ({ creativeCodebooks, conversions }: RewardShape): Reward[] => [
  'ctr',
  ...(creativeCodebooks.length > 0 ? (['ctrCreative'] as const) : []),
  ...(conversions ? (['cvr'] as const) : []),
]

/** Names of the parameters, in one place for layout and model. */
export const names = {
  code: (entry: 'item' | 'creative', level: number) => `${entry}.code.${level}`,
  feature: (entry: 'item' | 'creative') => `${entry}.feature.weight`,
  norm: (entry: 'item' | 'creative', part: 'scale' | 'bias') => `${entry}.norm.${part}`,
  ad: 'ad',
  position: 'position',
  user: (part: string) => `user.${part}`,
  entry: (part: string) => `entry.${part}`,
  list: (part: string) => `list.${part}`,
  tower: (layer: number, part: string) => `tower.${layer}.${part}`,
  slope: 'calibration.slope',
  intercept: 'calibration.intercept',
} as const

/** Calibration is fitted after training, which leaves it alone. */
export const isTrained = (name: string): boolean => name !== names.slope && name !== names.intercept

/** Vectors of about unit length. */
const embedding = (hiddenSize: number) => ({ normal: 1 / Math.sqrt(hiddenSize) })

const norm = (name: (part: 'scale' | 'bias') => string, size: number): ParameterSpec[] => [
  { name: name('scale'), shape: [size], initial: 'ones' },
  { name: name('bias'), shape: [size], initial: 'zeros' },
]

const projection = (name: (part: string) => string, input: number, output: number): ParameterSpec[] => [
  { name: name('weight'), shape: [input, output], initial: 'xavier' },
  { name: name('bias'), shape: [output], initial: 'zeros' },
]

const vectorParameters = (
  entry: 'item' | 'creative',
  codebooks: readonly number[],
  featureDimensions: number,
  hiddenSize: number,
): ParameterSpec[] => [
  ...codebooks.map(
    (size, level): ParameterSpec => ({
      name: names.code(entry, level),
      shape: [size, hiddenSize],
      initial: embedding(hiddenSize),
    }),
  ),
  ...(featureDimensions === 0
    ? []
    : [{ name: names.feature(entry), shape: [featureDimensions, hiddenSize], initial: 'xavier' } as const]),
  ...norm((part) => names.norm(entry, part), hiddenSize),
]

const userParameters = ({ hiddenSize, heads, historyLength }: RewardShape): ParameterSpec[] => [
  ...projection((part) => names.user(`input.${part}`), hiddenSize, 2 * hiddenSize),
  { name: names.user('nothing'), shape: [2 * hiddenSize], initial: embedding(hiddenSize) },
  { name: names.user('age'), shape: [historyLength, heads], initial: 'zeros', decay: false },
  { name: names.user('query'), shape: [hiddenSize], initial: { normal: 1 } },
]

const entryParameters = ({ hiddenSize, listLength, positions }: RewardShape): ParameterSpec[] => [
  { name: names.ad, shape: [hiddenSize], initial: embedding(hiddenSize) },
  ...(positions ? [{ name: names.position, shape: [listLength, hiddenSize], initial: embedding(hiddenSize) }] : []),
  ...projection((part) => names.entry(`query.${part}`), hiddenSize, hiddenSize),
  ...projection((part) => names.entry(`joined.${part}`), 3 * hiddenSize, hiddenSize),
]

const listParameters = ({ hiddenSize, context }: RewardShape): ParameterSpec[] => [
  ...(context === 'Pointwise'
    ? []
    : [
        ...norm((part) => names.list(`norm.${part}`), hiddenSize),
        ...projection((part) => names.list(`input.${part}`), hiddenSize, 3 * hiddenSize),
        ...projection((part) => names.list(`output.${part}`), hiddenSize, hiddenSize),
      ]),
  ...norm((part) => names.list(`final.${part}`), hiddenSize),
]

/** All towers of a layer lie in one parameter, the tower first. */
const towerParameters = (shape: RewardShape): ParameterSpec[] => {
  const { hiddenSize, towers, context } = shape
  const count = rewardsOf(shape).length
  const sizes = [...towers, 1]
  const weight = (layer: number, part: string, input: number): ParameterSpec => ({
    name: names.tower(layer, part),
    shape: [count, input, sizes[layer]],
    initial: 'xavier',
  })
  return sizes.flatMap((size, layer) => [
    ...(layer > 0
      ? [weight(layer, 'weight', sizes[layer - 1])]
      : [
          weight(0, 'entry', hiddenSize),
          weight(0, 'user', hiddenSize),
          ...(context === 'Permutation' ? [weight(0, 'list', hiddenSize)] : []),
        ]),
    { name: names.tower(layer, 'bias'), shape: [count, 1, size], initial: 'zeros', decay: false },
  ])
}

/** Every parameter of a reward model of this shape, in the order of the flat vector. */
export const rewardLayout = (shape: RewardShape): ParameterLayout => {
  const { hiddenSize, itemCodebooks, creativeCodebooks, featureDimensions, creativeFeatureDimensions } = shape
  const count = rewardsOf(shape).length
  return parameterLayout([
    ...vectorParameters('item', itemCodebooks, featureDimensions, hiddenSize),
    ...(creativeCodebooks.length === 0
      ? []
      : vectorParameters('creative', creativeCodebooks, creativeFeatureDimensions, hiddenSize)),
    ...userParameters(shape),
    ...entryParameters(shape),
    ...listParameters(shape),
    ...towerParameters(shape),
    { name: names.slope, shape: [count, 1, 1], initial: 'ones', decay: false },
    { name: names.intercept, shape: [count, 1, 1], initial: 'zeros', decay: false },
  ])
}
