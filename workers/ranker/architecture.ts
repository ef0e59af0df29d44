// Sizes of a ranker and the parameters that follow from them.

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../tensor/parameters.ts'

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

/** Small enough that tied output logits start near zero, as in GPT-2. */
const embeddingDeviation = 0.02

const norm = (name: (part: string) => string, size: number): ParameterSpec[] => [
  { name: name('scale'), shape: [size], initial: 'ones' },
  { name: name('bias'), shape: [size], initial: 'zeros' },
]

const projection = (name: (part: string) => string, input: number, output: number): ParameterSpec[] => [
  { name: name('weight'), shape: [input, output], initial: 'xavier' },
  { name: name('bias'), shape: [output], initial: 'zeros' },
]

const feedForward = (name: (part: string) => string, hidden: number, inner: number): ParameterSpec[] => [
  ...norm((part) => name(`norm.${part}`), hidden),
  ...projection((part) => name(`inner.${part}`), hidden, inner),
  ...projection((part) => name(`outer.${part}`), inner, hidden),
]

const blockParameters = (shape: RankerShape, layer: number): ParameterSpec[] => {
  const { hiddenSize, heads, feedForwardSize } = shape
  const name = (part: string) => names.block(layer, part)
  return [
    ...norm((part) => name(`attention.norm.${part}`), hiddenSize),
    ...projection((part) => name(`attention.input.${part}`), hiddenSize, 3 * hiddenSize),
    ...projection((part) => name(`attention.output.${part}`), hiddenSize, hiddenSize),
    { name: name('attention.distance'), shape: [heads, positionsOf(shape)], initial: 'zeros', decay: false },
    ...feedForward((part) => name(`feedForward.${part}`), hiddenSize, feedForwardSize),
  ]
}

/** A level's output part; all but the last also lead on to the next level, given the code that was chosen. */
const levelParameters = (shape: RankerShape, level: number): ParameterSpec[] => {
  const { hiddenSize, feedForwardSize, codebookSizes, contentDimensions } = shape
  const name = (part: string) => names.level(level, part)
  const output = [
    ...norm((part) => name(`norm.${part}`), hiddenSize),
    { name: name('bias'), shape: [codebookSizes[level]], initial: 'zeros' } as const,
    ...(contentDimensions === 0
      ? []
      : [{ name: name('content'), shape: [hiddenSize, contentDimensions], initial: { normal: embeddingDeviation } }]),
  ]
  if (level === codebookSizes.length - 1) return output
  return [
    ...output,
    { name: name('chosen'), shape: [codebookSizes[level], hiddenSize], initial: { normal: embeddingDeviation } },
    ...feedForward((part) => name(`next.${part}`), hiddenSize, feedForwardSize),
  ]
}

/** Every parameter of a ranker of this shape, in the order of the flat vector. */
export const rankerLayout = (shape: RankerShape): ParameterLayout => {
  const { hiddenSize, layers, featureDimensions, codebookSizes, itemEmbeddings } = shape
  const codes = codebookSizes.map(
    (size, level): ParameterSpec => ({
      name: names.code(level),
      shape: [size, hiddenSize],
      initial: { normal: embeddingDeviation },
    }),
  )
  return parameterLayout([
    { name: names.start, shape: [hiddenSize], initial: { normal: embeddingDeviation } },
    ...codes,
    { name: names.featureWeight, shape: [featureDimensions, hiddenSize], initial: 'xavier' },
    // From zero: an item that training never meets stays what its codes and features say.
    ...(itemEmbeddings === 0
      ? []
      : [{ name: names.embedding, shape: [itemEmbeddings, hiddenSize], initial: 'zeros' } as const]),
    ...Array.from({ length: layers }, (_, layer) => blockParameters(shape, layer)).flat(),
    ...norm((part) => names.finalNorm(part as 'scale' | 'bias'), hiddenSize),
    ...codebookSizes.flatMap((_, level) => levelParameters(shape, level)),
  ])
}
