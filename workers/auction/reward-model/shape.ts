// Sizes of a reward model and the parameters that follow from them.

import { type Initializer, type ParameterLayout, type ParameterSpec, parameterLayout } from '../../tensor/parameters.ts'

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
  match: 'match',
  slot: 'slot',
  tower: (layer: number, part: string) => `tower.${layer}.${part}`,
  slope: 'calibration.slope',
  intercept: 'calibration.intercept',
} as const

/** Calibration is fitted after training, which leaves it alone. */
export const isTrained = (name: string): boolean => name !== names.slope && name !== names.intercept

/** Vectors of about this length. */
const embedding = (hiddenSize: number, length = 1) => ({ normal: length / Math.sqrt(hiddenSize) })

const identity = (size: number): Initializer => ({
  values: Float32Array.from({ length: size * size }, (_, index) => Number(index % (size + 1) === 0)),
})

const norm = (name: (part: 'scale' | 'bias') => string, size: number): ParameterSpec[] => [
  { name: name('scale'), shape: [size], initial: 'ones' },
  { name: name('bias'), shape: [size], initial: 'zeros' },
]

const projection = (
  name: (part: string) => string,
  input: number,
  output: number,
  initial: Initializer = 'xavier',
): ParameterSpec[] => [
  { name: name('weight'), shape: [input, output], initial },
  { name: name('bias'), shape: [output], initial: 'zeros' },
]

/**
 * Share of their usual size that vectors of codes start with where there are features: a code begins as a small change of
 * what its items have in common, so that items that resemble one another do so before the first click.
 */
const codesBesideFeatures = 0.1

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
      initial: embedding(hiddenSize, featureDimensions === 0 ? 1 : codesBesideFeatures),
    }),
  ),
  ...(featureDimensions === 0
    ? []
    : [{ name: names.feature(entry), shape: [featureDimensions, hiddenSize], initial: 'xavier' } as const]),
  ...norm((part) => names.norm(entry, part), hiddenSize),
]

/** Values start as the vectors of the items themselves: what an entry reads is then comparable with the entry. */
const userParameters = ({ hiddenSize, heads, historyLength }: RewardShape): ParameterSpec[] => [
  ...(['key', 'value'] as const).flatMap((kind): ParameterSpec[] => [
    ...projection(
      (part) => names.user(`${kind}.${part}`),
      hiddenSize,
      hiddenSize,
      kind === 'key' ? 'xavier' : identity(hiddenSize),
    ),
    { name: names.user(`${kind}.nothing`), shape: [hiddenSize], initial: embedding(hiddenSize) },
  ]),
  { name: names.user('age'), shape: [historyLength, heads], initial: 'zeros', decay: false },
  { name: names.user('query'), shape: [hiddenSize], initial: { normal: 1 } },
]

/** Without a query an entry starts with the mean of the history. */
const entryParameters = ({ hiddenSize, listLength, positions }: RewardShape): ParameterSpec[] => [
  { name: names.ad, shape: [hiddenSize], initial: embedding(hiddenSize) },
  ...(positions ? [{ name: names.position, shape: [listLength, hiddenSize], initial: embedding(hiddenSize) }] : []),
  ...projection((part) => names.entry(`query.${part}`), hiddenSize, hiddenSize, 'zeros'),
  ...projection((part) => names.entry(`joined.${part}`), 3 * hiddenSize, hiddenSize),
]

/** What the list adds starts at nothing, here and in the towers: a permutation-aware model starts as the pointwise one. */
const listParameters = ({ hiddenSize, context }: RewardShape): ParameterSpec[] => [
  ...(context === 'Pointwise'
    ? []
    : [
        ...norm((part) => names.list(`norm.${part}`), hiddenSize),
        ...projection((part) => names.list(`input.${part}`), hiddenSize, 3 * hiddenSize),
        ...projection((part) => names.list(`output.${part}`), hiddenSize, hiddenSize, 'zeros'),
      ]),
  ...norm((part) => names.list(`final.${part}`), hiddenSize),
]

/** By tower: logits straight from how well an entry matches the history, and from its slot. */
const directParameters = (shape: RewardShape): ParameterSpec[] => {
  const count = rewardsOf(shape).length
  return [
    { name: names.match, shape: [count, shape.heads, 1], initial: 'zeros' },
    ...(shape.positions
      ? [{ name: names.slot, shape: [count, 1, shape.listLength], initial: 'zeros', decay: false } as const]
      : []),
  ]
}

/**
 * All towers of a layer lie in one parameter, the tower first. They start silent: what is direct has nothing random to
 * overcome.
 */
const towerParameters = (shape: RewardShape): ParameterSpec[] => {
  const { hiddenSize, towers, context } = shape
  const count = rewardsOf(shape).length
  const sizes = [...towers, 1]
  const weight = (layer: number, part: string, input: number): ParameterSpec => ({
    name: names.tower(layer, part),
    shape: [count, input, sizes[layer]],
    initial: part === 'list' || layer === towers.length ? 'zeros' : 'xavier',
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
    ...directParameters(shape),
    { name: names.slope, shape: [count, 1, 1], initial: 'ones', decay: false },
    { name: names.intercept, shape: [count, 1, 1], initial: 'zeros', decay: false },
  ])
}
