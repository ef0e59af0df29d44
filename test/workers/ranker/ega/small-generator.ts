import { openCatalogue } from '../../../../workers/ranker/catalogue.ts'
import { principalDirections } from '../../../../workers/ranker/content.ts'
import type { GeneratorCatalogue } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { type GeneratorShape, generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { initialParameters, pack, unpack } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'

export const levels = 3
export const codebookSize = 6
const featureDimensions = 8
const creativeFeatureDimensions = 5
export const creativesPerItem = 2

const normals = (random: Random, length: number): Float32Array => Float32Array.from({ length }, () => random.normal())

/** Items whose paths differ in the last code at least. */
export function smallCatalogue(itemCount: number, seed = 1): GeneratorCatalogue & { offsets: Uint32Array } {
  const random = new Random(seed, 'catalogue')
  const codes = new Uint16Array(itemCount * levels)
  const used = new Set<string>()
  for (let item = 0; item < itemCount; item++) {
    let path: number[]
    do path = Array.from({ length: levels }, () => random.below(codebookSize))
    while (used.has(path.join()))
    used.add(path.join())
    codes.set(path, item * levels)
  }
  const features = normals(random, itemCount * featureDimensions)
  const codebookSizes = Array.from({ length: levels }, () => codebookSize)
  const projection = { dimensions: 4, directions: principalDirections(features, featureDimensions, 4) }
  const items = openCatalogue({ itemCount, levels, codebookSizes, codes, featureDimensions, features }, projection)
  const count = itemCount * creativesPerItem
  return {
    items,
    creatives: {
      count,
      codes: Uint16Array.from({ length: count * 2 }, () => random.below(4)),
      codebookSizes: [4, 4],
      features: normals(random, count * creativeFeatureDimensions),
      featureDimensions: creativeFeatureDimensions,
    },
    offsets: Uint32Array.from({ length: itemCount + 1 }, (_, item) => item * creativesPerItem),
  }
}

export function smallShape(itemCount: number, changes: Partial<GeneratorShape> = {}): GeneratorShape {
  return {
    layers: 2,
    hiddenSize: 16,
    heads: 2,
    feedForwardSize: 24,
    historyLength: 4,
    codebookSizes: Array.from({ length: levels }, () => codebookSize),
    featureDimensions,
    itemEmbeddings: itemCount,
    contentDimensions: 4,
    listLength: 4,
    creatives: { codebookSizes: [4, 4], featureDimensions: creativeFeatureDimensions },
    historyTokens: 'Flattened',
    creativePrediction: 'MTP',
    ...changes,
  }
}

/** Parameters that are nowhere near zero, so that every part tells. */
export function roughParameters(shape: GeneratorShape, seed = 1): Float32Array {
  const random = new Random(seed, 'rough')
  return initialParameters(generatorLayout(shape), seed).map((value) => value + 0.3 * random.normal())
}

/** Parameters of the shape with a token embedding of the encoder's own, which is what the shared one is. */
export function separated(shape: GeneratorShape, parameters: Float32Array): Float32Array {
  const shared = unpack(parameters, generatorLayout(shape))
  const layout = generatorLayout({ ...shape, tokenEmbedding: 'Separate' })
  const named = layout.parameters.map(({ name }): [string, Float32Array] => {
    const values = shared.get(name.replace('encoder.token.', ''))
    if (values === undefined) throw new Error(`The shared shape has no parameter ${name}`)
    return [name, values]
  })
  return pack(new Map(named), layout)
}
