// Sizes of OneRanker and the parameters that follow from them.

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../../tensor/parameters.ts'
import { itemVectorSpecs, levelScorer, names, type RankerShape } from '../architecture.ts'
import {
  crossAttention,
  deviation,
  feedForward,
  norm,
  part,
  projection,
  selfAttention,
  stackedProjection,
} from '../layout-parts.ts'
import { distanceBuckets } from './distance-bucket.ts'

/** `layers` are the blocks of step 1. */
export interface OneRankerShape extends RankerShape {
  /** Flattened: context and item of a behaviour are two positions. Summed: one position a behaviour. */
  readonly historyTokens: 'Flattened' | 'Summed'
  /** Rows of the table of contexts; row 0 is of what is not known. */
  readonly contextBuckets: number
  /** m. Without step 2: heads of parallel multi-token prediction. */
  readonly interestTokens: number
  /** Value tokens, whose scores are averaged. */
  readonly valueTokens: number
  /** k; 0: no target-aware channel. */
  readonly fakeItems: number
  readonly refinementLayers: number
  readonly rankerLayers: number
  /** Whether there is step 2. */
  readonly refinement: boolean
  /** Whether there is step 3. */
  readonly ranking: boolean
  readonly attentionOrder: 'CrossFirst' | 'SelfFirst'
  /** Heterogeneous: the mask of Figure 2. Full: all tokens of step 2 see one another. */
  readonly selfMask: 'Heterogeneous' | 'Full'
  /** Feed-forwards and output heads of each task's own, or one of each for all. */
  readonly taskDecoupling: boolean
  /** Under the heterogeneous mask. FirstTask: no task sees a later one through the fake items. */
  readonly fakeItemsSee: 'Tasks' | 'FirstTask'
  /** Whether the centres of the fake items are trained. */
  readonly centres: 'Learned' | 'Fixed'
  /** What step 3 reads: the outputs of both earlier steps, or of the first alone. */
  readonly rankerMemory: 'Both' | 'StepOne'
}

/** Positions of step 1: the user, the behaviours, and the context of the request. */
export const streamPositions = ({
  historyLength,
  historyTokens,
}: Pick<OneRankerShape, 'historyLength' | 'historyTokens'>): number =>
  2 + historyLength * (historyTokens === 'Flattened' ? 2 : 1)

/** Task tokens of step 2: interests, then values. */
export const taskCount = ({ interestTokens, valueTokens }: OneRankerShape): number => interestTokens + valueTokens

/** Tokens of step 2: tasks, then fake items. */
export const refinementTokens = (shape: OneRankerShape): number => taskCount(shape) + shape.fakeItems

/** Positions that step 3 reads. */
export const rankingPositions = (shape: OneRankerShape): number =>
  streamPositions(shape) + (readsRefinement(shape) ? refinementTokens(shape) : 0)

/** Whether step 3 reads the tokens of step 2. */
export const readsRefinement = ({ refinement, rankerMemory }: OneRankerShape): boolean =>
  refinement && rankerMemory === 'Both'

/** Names of the parameters beside those that every ranker has. */
export const oneRankerNames = {
  context: 'context',
  /** Rows: organic content, ads. */
  itemType: 'item.type',
  generator: (layer: number, part: string) => `generator.${layer}.${part}`,
  generatorNorm: (part: string) => `generator.norm.${part}`,
  interest: (part: string) => `interest.${part}`,
  /** [tasks, hiddenSize]. */
  tasks: 'task.tokens',
  /** k-means centres of the vectors of all items, by which training begins [fakeItems, hiddenSize]. */
  centres: 'fake.centres',
  fakeType: 'fake.type',
  refinement: (layer: number, part: string) => `refinement.${layer}.${part}`,
  refinementNorm: (part: string) => `refinement.norm.${part}`,
  head: (part: string) => `task.head.${part}`,
  target: (part: string) => `target.${part}`,
  ranker: (layer: number, part: string) => `ranker.${layer}.${part}`,
  rankerNorm: (part: string) => `ranker.norm.${part}`,
  rankingTask: 'ranker.task',
  /** Rows: step 1, step 2. */
  segment: 'ranker.segment',
  score: (part: string) => `ranker.score.${part}`,
} as const

/** What step 3 alone has; the rest is the generator's. */
export const isOfRanker = (name: string): boolean => name.startsWith('ranker.')

const generatorBlock = (layer: number, { hiddenSize, heads }: OneRankerShape): ParameterSpec[] => {
  const name = (inner: string) => oneRankerNames.generator(layer, inner)
  return [
    ...norm(part(name, 'norm'), hiddenSize),
    ...projection(part(name, 'input'), hiddenSize, 4 * hiddenSize),
    { name: name('distance'), shape: [heads, distanceBuckets], initial: 'zeros', decay: false },
    ...norm(part(name, 'mixed'), hiddenSize),
    ...projection(part(name, 'output'), hiddenSize, hiddenSize),
  ]
}

/** Feed-forwards side by side behind one norm. */
const stackedFeedForward = (name: (inner: string) => string, count: number, size: number, inner: number) => [
  ...norm(part(name, 'norm'), size),
  ...stackedProjection(part(name, 'inner'), count, size, inner),
  ...stackedProjection(part(name, 'outer'), count, inner, size),
]

const refinementBlock = (layer: number, shape: OneRankerShape): ParameterSpec[] => {
  const { hiddenSize, feedForwardSize, taskDecoupling, fakeItems } = shape
  const name = (inner: string) => oneRankerNames.refinement(layer, inner)
  return [
    ...crossAttention(part(name, 'cross'), hiddenSize),
    ...selfAttention(part(name, 'self'), hiddenSize),
    ...stackedFeedForward(part(name, 'tasks'), taskDecoupling ? taskCount(shape) : 1, hiddenSize, feedForwardSize),
    ...(fakeItems === 0 ? [] : feedForward(part(name, 'fakes'), hiddenSize, feedForwardSize)),
  ]
}

const fakeItemParts = ({ fakeItems, hiddenSize }: OneRankerShape): ParameterSpec[] =>
  fakeItems === 0
    ? []
    : [
        // Not decayed: as fixed centres they must stay where they are, and a cosine does not see their length.
        { name: oneRankerNames.centres, shape: [fakeItems, hiddenSize], initial: deviation, decay: false },
        { name: oneRankerNames.fakeType, shape: [hiddenSize], initial: deviation },
        ...stackedProjection(part(oneRankerNames.target, 'inner'), fakeItems, 2 * hiddenSize, hiddenSize),
        // Near zero, as their sum over all fake items would drown the semantic channel at first.
        {
          name: oneRankerNames.target('outer.weight'),
          shape: [fakeItems, hiddenSize, fakeItems],
          initial: deviation,
        },
        { name: oneRankerNames.target('outer.bias'), shape: [fakeItems], initial: 'zeros' },
      ]

const refinementParts = (shape: OneRankerShape): ParameterSpec[] => {
  const { hiddenSize, refinementLayers, taskDecoupling } = shape
  const tasks = taskCount(shape)
  return [
    { name: oneRankerNames.tasks, shape: [tasks, hiddenSize], initial: deviation, decay: false },
    ...Array.from({ length: refinementLayers }, (_, layer) => refinementBlock(layer, shape)).flat(),
    ...norm(oneRankerNames.refinementNorm, hiddenSize),
    ...stackedProjection(oneRankerNames.head, taskDecoupling ? tasks : 1, hiddenSize, hiddenSize),
    ...fakeItemParts(shape),
  ]
}

const rankerBlock = (layer: number, { hiddenSize, feedForwardSize }: OneRankerShape): ParameterSpec[] => {
  const name = (inner: string) => oneRankerNames.ranker(layer, inner)
  return [
    ...crossAttention(part(name, 'cross'), hiddenSize),
    ...selfAttention(part(name, 'self'), hiddenSize),
    ...feedForward(part(name, 'feedForward'), hiddenSize, feedForwardSize),
  ]
}

const rankerParts = (shape: OneRankerShape): ParameterSpec[] => {
  const { hiddenSize, feedForwardSize, rankerLayers } = shape
  return [
    { name: oneRankerNames.rankingTask, shape: [hiddenSize], initial: deviation },
    ...(readsRefinement(shape)
      ? [{ name: oneRankerNames.segment, shape: [2, hiddenSize], initial: deviation, decay: false } as const]
      : []),
    ...Array.from({ length: rankerLayers }, (_, layer) => rankerBlock(layer, shape)).flat(),
    ...norm(oneRankerNames.rankerNorm, hiddenSize),
    ...projection(part(oneRankerNames.score, 'inner'), hiddenSize, feedForwardSize),
    // Without a bias: no loss and no order tells the level of all scores.
    { name: oneRankerNames.score('outer.weight'), shape: [feedForwardSize, 1], initial: 'xavier' },
  ]
}

/** Every parameter of a OneRanker of this shape, in the order of the flat vector. None depends on `historyLength`. */
export const oneRankerLayout = (shape: OneRankerShape): ParameterLayout => {
  const { hiddenSize, feedForwardSize, layers, codebookSizes, contextBuckets, interestTokens } = shape
  return parameterLayout([
    { name: names.start, shape: [hiddenSize], initial: deviation },
    ...itemVectorSpecs(shape),
    { name: oneRankerNames.context, shape: [contextBuckets, hiddenSize], initial: deviation },
    { name: oneRankerNames.itemType, shape: [2, hiddenSize], initial: deviation, decay: false },
    ...Array.from({ length: layers }, (_, layer) => generatorBlock(layer, shape)).flat(),
    ...norm(oneRankerNames.generatorNorm, hiddenSize),
    ...codebookSizes.flatMap((_, level) => levelScorer(shape, level)),
    ...(shape.refinement
      ? refinementParts(shape)
      : stackedFeedForward(oneRankerNames.interest, interestTokens, hiddenSize, feedForwardSize)),
    ...(shape.ranking ? rankerParts(shape) : []),
  ])
}
