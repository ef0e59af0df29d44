// Sizes of a ranker and the parameters that follow from them.

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../tensor/parameters.ts'
import { codeVectors, deviation, feedForward, norm, part, projection } from './layout-parts.ts'

export interface RankerShape {
  /** Transformer blocks. */
  readonly layers: number
  readonly hiddenSize: number
  readonly heads: number
  readonly feedForwardSize: number
  /** Most recent items that are read. */
  readonly historyLength: number
  /** Entries of the codebook of each level. */
  readonly codebookSizes: readonly number[]
  /** Length of an item's feature vector. */
  readonly featureDimensions: number
  /** Items that have a learned vector of their own besides: all of the catalogue, or 0. */
  readonly itemEmbeddings: number
  /** Length of the content vectors that codes are scored by; 0 for none. */
  readonly contentDimensions: number
}

/** Positions of a full sequence: the start and every item of the history. */
export const positionsOf = (shape: RankerShape): number => shape.historyLength + 1

/** Names of the parameters, in one place for layout and model. */
export const names = {
  start: 'start',
  featureWeight: 'item.feature.weight',
  embedding: 'item.embedding',
  code: (level: number) => `item.code.${level}`,
  block: (layer: number, part: string) => `block.${layer}.${part}`,
  finalNorm: (part: 'scale' | 'bias') => `norm.${part}`,
  level: (level: number, part: string) => `level.${level}.${part}`,
} as const

/**
 * What the rows of a parameter stand for, so that they mean something in another model as well: items, by their index;
 * or codes and features, by the vocabulary of the tokenizer. Undefined: neither.
 */
export const meaningOf = (name: string): 'items' | 'vocabulary' | undefined => {
  if (name === names.embedding) return 'items'
  const isOfVocabulary =
    name === names.featureWeight || /^item\.code\.\d+$|^level\.\d+\.(bias|content|chosen)$/.test(name)
  return isOfVocabulary ? 'vocabulary' : undefined
}

/** What item vectors are made of. */
export const itemVectorSpecs = (shape: RankerShape): ParameterSpec[] => {
  const { hiddenSize, codebookSizes, featureDimensions, itemEmbeddings } = shape
  return [
    ...codeVectors(names.code, codebookSizes, hiddenSize),
    { name: names.featureWeight, shape: [featureDimensions, hiddenSize], initial: 'xavier' },
    // From zero: an item that training never meets stays what its codes and features say.
    ...(itemEmbeddings === 0
      ? []
      : [{ name: names.embedding, shape: [itemEmbeddings, hiddenSize], initial: 'zeros' } as const]),
  ]
}

/** What the codes of a level, and the content below them, are scored by. */
export const levelScorer = (shape: RankerShape, level: number): ParameterSpec[] => {
  const { hiddenSize, codebookSizes, contentDimensions } = shape
  const name = (part: string) => names.level(level, part)
  return [
    ...norm(part(name, 'norm'), hiddenSize),
    { name: name('bias'), shape: [codebookSizes[level]], initial: 'zeros' },
    ...(contentDimensions === 0
      ? []
      : [{ name: name('content'), shape: [hiddenSize, contentDimensions], initial: deviation } as const]),
  ]
}

const blockParameters = (shape: RankerShape, layer: number): ParameterSpec[] => {
  const { hiddenSize, heads, feedForwardSize } = shape
  const name = (part: string) => names.block(layer, part)
  return [
    ...norm(part(name, 'attention.norm'), hiddenSize),
    ...projection(part(name, 'attention.input'), hiddenSize, 3 * hiddenSize),
    ...projection(part(name, 'attention.output'), hiddenSize, hiddenSize),
    { name: name('attention.distance'), shape: [heads, positionsOf(shape)], initial: 'zeros', decay: false },
    ...feedForward(part(name, 'feedForward'), hiddenSize, feedForwardSize),
  ]
}

/** A level's output part; all but the last also lead on to the next level, given the code that was chosen. */
const levelParameters = (shape: RankerShape, level: number): ParameterSpec[] => {
  const { hiddenSize, feedForwardSize, codebookSizes } = shape
  const name = (part: string) => names.level(level, part)
  const output = levelScorer(shape, level)
  if (level === codebookSizes.length - 1) return output
  return [
    ...output,
    { name: name('chosen'), shape: [codebookSizes[level], hiddenSize], initial: deviation },
    ...feedForward(part(name, 'next'), hiddenSize, feedForwardSize),
  ]
}

/** Every parameter of a ranker of this shape, in the order of the flat vector. */
export const rankerLayout = (shape: RankerShape): ParameterLayout => {
  const { hiddenSize, layers, codebookSizes } = shape
  return parameterLayout([
    { name: names.start, shape: [hiddenSize], initial: deviation },
    ...itemVectorSpecs(shape),
    ...Array.from({ length: layers }, (_, layer) => blockParameters(shape, layer)).flat(),
    ...norm((inner) => names.finalNorm(inner as 'scale' | 'bias'), hiddenSize),
    ...codebookSizes.flatMap((_, level) => levelParameters(shape, level)),
  ])
}
