// Sizes of EGA-V2's generator and the parameters that follow from them (Sec. 4.1, Figure 2).

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../../tensor/parameters.ts'
import { itemVectorSpecs, levelScorer, names, type RankerShape } from '../architecture.ts'
import {
  codeVectors,
  crossAttention,
  deviation,
  feedForward,
  type Named,
  norm,
  part,
  projection,
  selfAttention,
} from '../layout-parts.ts'

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
  /** Separate: the encoder has vectors of items and creatives of its own; absent: it shares those of the decoders. */
  readonly tokenEmbedding?: 'Separate'
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
  /** Of the encoder's own token embedding, by what the decoders call theirs. */
  encoderToken: (name: string) => `encoder.token.${name}`,
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

const encoderBlock = (name: Named, { hiddenSize, feedForwardSize }: GeneratorShape): ParameterSpec[] => [
  ...selfAttention(part(name, 'self'), hiddenSize),
  ...feedForward(part(name, 'feedForward'), hiddenSize, feedForwardSize),
]

const decoderBlock = (name: Named, { hiddenSize, feedForwardSize }: GeneratorShape): ParameterSpec[] => [
  ...selfAttention(part(name, 'self'), hiddenSize),
  ...crossAttention(part(name, 'cross'), hiddenSize),
  ...feedForward(part(name, 'feedForward'), hiddenSize, feedForwardSize),
]

/** What vectors of creatives are made of beside those of their codes. */
const creativeInputs = ({ creatives, hiddenSize }: GeneratorShape): ParameterSpec[] =>
  creatives === undefined
    ? []
    : [
        {
          name: generatorNames.creativeFeatureWeight,
          shape: [creatives.featureDimensions, hiddenSize],
          initial: 'xavier',
        },
        { name: generatorNames.unknownCreative, shape: [hiddenSize], initial: deviation },
      ]

const creativeCodes = ({ creatives, hiddenSize }: GeneratorShape): ParameterSpec[] =>
  creatives === undefined ? [] : codeVectors(generatorNames.creativeCode, creatives.codebookSizes, hiddenSize)

const embeddings = (shape: GeneratorShape): ParameterSpec[] => {
  const isSeparate = shape.tokenEmbedding === 'Separate'
  const own = [...itemVectorSpecs(shape), ...creativeCodes(shape), ...creativeInputs(shape)]
  return [
    ...itemVectorSpecs(shape),
    ...creativeCodes(shape),
    // A decoder that never reads a creative only scores the codes of them.
    ...(isSeparate && !alternates(shape) ? [] : creativeInputs(shape)),
    ...(isSeparate ? own.map((spec) => ({ ...spec, name: generatorNames.encoderToken(spec.name) })) : []),
    ...(shape.historyTokens === 'Flattened'
      ? [{ name: generatorNames.separator, shape: [shape.hiddenSize], initial: deviation } as const]
      : []),
  ]
}

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
    ...shape.codebookSizes.flatMap((_, level) => levelScorer(shape, level)),
    ...creativeParts(shape),
  ])
}
