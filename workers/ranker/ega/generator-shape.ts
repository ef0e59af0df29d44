// Sizes of EGA-V2's generator and the parameters that follow from them (Sec. 4.1, Figure 2).

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../../tensor/parameters.ts'
import { names, type RankerShape } from '../architecture.ts'

/** Creatives as the generator knows them; absent where a Dataset has none. */
export interface CreativeShape {
  /** Entries of the codebook of each level. */
  readonly codebookSizes: readonly number[]
  readonly featureDimensions: number
}

export interface GeneratorShape extends RankerShape {
  /** Longest list (K). */
  readonly listLength: number
  readonly creatives: CreativeShape | undefined
  /** Flattened: item, separator and creative of a behaviour are three positions. Summed: one position a behaviour. */
  readonly historyTokens: 'Flattened' | 'Summed'
  /**
   * MTP: a block of its own predicts the creative of an item from the state before the item and the item (Figure 2).
   * NextToken: items and creatives are one sequence that one decoder predicts token by token.
   */
  readonly creativePrediction: 'MTP' | 'NextToken'
}

/** Positions of the encoder: a learned start, then the history. */
export const encoderPositions = ({ historyLength, historyTokens }: GeneratorShape): number =>
  1 + historyLength * (historyTokens === 'Flattened' ? 3 : 1)

/** Whether items and creatives alternate in the decoder's input. */
export const alternates = ({ creatives, creativePrediction }: GeneratorShape): boolean =>
  creatives !== undefined && creativePrediction === 'NextToken'

/** Positions of the decoder for a list of `length` entries. */
export const decoderPositions = (shape: GeneratorShape, length = shape.listLength): number =>
  length * (alternates(shape) ? 2 : 1)

/** Names of the parameters beside those that every ranker has. */
export const generatorNames = {
  encoderPosition: 'encoder.position',
  encoder: (layer: number, part: string) => `encoder.${layer}.${part}`,
  encoderNorm: (part: string) => `encoder.norm.${part}`,
  separator: 'separator',
  unknownCreative: 'creative.unknown',
  creativeCode: (level: number) => `creative.code.${level}`,
  creativeFeatureWeight: 'creative.feature.weight',
  beginOfItems: 'begin.items',
  beginOfCreatives: 'begin.creatives',
  decoderPosition: 'decoder.position',
  decoder: (layer: number, part: string) => `decoder.${layer}.${part}`,
  decoderNorm: (part: string) => `decoder.norm.${part}`,
  multiToken: (part: string) => `mtp.${part}`,
  creativeLevel: (level: number, part: string) => `creative.level.${level}.${part}`,
} as const

/** The weighted item head of Figure 3: what post-training on rewards may change while the rest is frozen. */
export const isOfItemHead = (name: string): boolean => /^level\.\d+\./.test(name)

const deviation = { normal: 0.02 } as const

type Named = (part: string) => string

const norm = (name: Named, size: number): ParameterSpec[] => [
  { name: name('scale'), shape: [size], initial: 'ones' },
  { name: name('bias'), shape: [size], initial: 'zeros' },
]

const projection = (name: Named, input: number, output: number): ParameterSpec[] => [
  { name: name('weight'), shape: [input, output], initial: 'xavier' },
  { name: name('bias'), shape: [output], initial: 'zeros' },
]

const part =
  (name: Named, prefix: string): Named =>
  (inner) =>
    name(`${prefix}.${inner}`)

const selfAttention = (name: Named, size: number): ParameterSpec[] => [
  ...norm(part(name, 'norm'), size),
  ...projection(part(name, 'input'), size, 3 * size),
  ...projection(part(name, 'output'), size, size),
]

const crossAttention = (name: Named, size: number): ParameterSpec[] => [
  ...norm(part(name, 'norm'), size),
  ...projection(part(name, 'query'), size, size),
  ...projection(part(name, 'memory'), size, 2 * size),
  ...projection(part(name, 'output'), size, size),
]

const feedForward = (name: Named, size: number, inner: number): ParameterSpec[] => [
  ...norm(part(name, 'norm'), size),
  ...projection(part(name, 'inner'), size, inner),
  ...projection(part(name, 'outer'), inner, size),
]

const encoderBlock = (name: Named, { hiddenSize, feedForwardSize }: GeneratorShape): ParameterSpec[] => [
  ...selfAttention(part(name, 'self'), hiddenSize),
  ...feedForward(part(name, 'feedForward'), hiddenSize, feedForwardSize),
]

const decoderBlock = (name: Named, { hiddenSize, feedForwardSize }: GeneratorShape): ParameterSpec[] => [
  ...selfAttention(part(name, 'self'), hiddenSize),
  ...crossAttention(part(name, 'cross'), hiddenSize),
  ...feedForward(part(name, 'feedForward'), hiddenSize, feedForwardSize),
]

const embeddings = (shape: GeneratorShape): ParameterSpec[] => {
  const { hiddenSize, codebookSizes, featureDimensions, itemEmbeddings, creatives } = shape
  const codes = (name: (level: number) => string, sizes: readonly number[]) =>
    sizes.map((size, level): ParameterSpec => ({ name: name(level), shape: [size, hiddenSize], initial: deviation }))
  return [
    ...codes(names.code, codebookSizes),
    { name: names.featureWeight, shape: [featureDimensions, hiddenSize], initial: 'xavier' },
    ...(itemEmbeddings === 0
      ? []
      : [{ name: names.embedding, shape: [itemEmbeddings, hiddenSize], initial: 'zeros' } as const]),
    ...(creatives === undefined
      ? []
      : [
          ...codes(generatorNames.creativeCode, creatives.codebookSizes),
          {
            name: generatorNames.creativeFeatureWeight,
            shape: [creatives.featureDimensions, hiddenSize],
            initial: 'xavier',
          } as const,
          { name: generatorNames.unknownCreative, shape: [hiddenSize], initial: deviation } as const,
        ]),
    ...(shape.historyTokens === 'Flattened'
      ? [{ name: generatorNames.separator, shape: [hiddenSize], initial: deviation } as const]
      : []),
  ]
}

/** A level of the item head: what its codes and the content below them are asked by. */
const itemLevels = ({ hiddenSize, codebookSizes, contentDimensions }: GeneratorShape): ParameterSpec[] =>
  codebookSizes.flatMap((size, level) => {
    const name = (inner: string) => names.level(level, inner)
    return [
      ...norm((inner) => name(`norm.${inner}`), hiddenSize),
      { name: name('bias'), shape: [size], initial: 'zeros' } as const,
      ...(contentDimensions === 0
        ? []
        : [{ name: name('content'), shape: [hiddenSize, contentDimensions], initial: deviation } as const]),
    ]
  })

const creativeParts = (shape: GeneratorShape): ParameterSpec[] => {
  const { creatives, hiddenSize, creativePrediction } = shape
  if (creatives === undefined) return []
  const block: ParameterSpec[] =
    creativePrediction === 'NextToken'
      ? []
      : [
          { name: generatorNames.beginOfCreatives, shape: [hiddenSize], initial: deviation },
          { name: generatorNames.multiToken('state.scale'), shape: [hiddenSize], initial: 'ones' },
          { name: generatorNames.multiToken('token.scale'), shape: [hiddenSize], initial: 'ones' },
          ...projection(part(generatorNames.multiToken, 'merge'), 2 * hiddenSize, hiddenSize),
          ...decoderBlock(part(generatorNames.multiToken, 'block'), shape),
        ]
  const heads = creatives.codebookSizes.flatMap((size, level): ParameterSpec[] => [
    ...norm((inner) => generatorNames.creativeLevel(level, `norm.${inner}`), hiddenSize),
    { name: generatorNames.creativeLevel(level, 'bias'), shape: [size], initial: 'zeros' },
  ])
  return [...block, ...heads]
}

/** Every parameter of a generator of this shape, in the order of the flat vector. */
export const generatorLayout = (shape: GeneratorShape): ParameterLayout => {
  const { hiddenSize, layers } = shape
  const blocks = (name: (layer: number, inner: string) => string, block: typeof encoderBlock) =>
    Array.from({ length: layers }, (_, layer) => block((inner) => name(layer, inner), shape)).flat()
  return parameterLayout([
    { name: names.start, shape: [hiddenSize], initial: deviation },
    ...embeddings(shape),
    { name: generatorNames.encoderPosition, shape: [encoderPositions(shape), hiddenSize], initial: deviation },
    ...blocks(generatorNames.encoder, encoderBlock),
    ...norm(generatorNames.encoderNorm, hiddenSize),
    { name: generatorNames.beginOfItems, shape: [hiddenSize], initial: deviation },
    { name: generatorNames.decoderPosition, shape: [decoderPositions(shape), hiddenSize], initial: deviation },
    ...blocks(generatorNames.decoder, decoderBlock),
    ...norm(generatorNames.decoderNorm, hiddenSize),
    ...itemLevels(shape),
    ...creativeParts(shape),
  ])
}
